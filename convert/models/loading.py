"""Loading a dual encoder: an open_clip model by name, a local checkpoint, or the built-in one.

A newcomer would call `open_clip.create_model(name, pretrained=tag)`. That gives an OpenAI checkpoint the
wrong activation with only a warning (`quick_gelu` is a property of the weights, not of the name), gives a
local file the default preprocessing even if every published checkpoint of that model uses another one, and
unpickles.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.builtin import (
    LICENCE,
    OPEN_CLIP_NAME,
    WEIGHTS_NAME,
    load_image_weights,
    load_text_weights,
    register,
)
from edge_identify.convert.models.download import fetch_published_weights
from edge_identify.convert.models.library_chatter import muted
from edge_identify.convert.models.names import BUILTIN, RANDOM, ModelChoice, choose_model
from edge_identify.convert.models.torchvision_operators import MISSING_EXTRA, ensure_torchvision_operators
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.preprocessing import MAX_SIZE_PX, Interpolation, Preprocessing, ResizeMode

if TYPE_CHECKING:
    from torch import nn

RANDOM_SEED = 0

_RESIZE_MODES = {"shortest": ResizeMode.SHORTEST_SIDE, "squash": ResizeMode.SQUASH}
_INTERPOLATIONS = {"bicubic": Interpolation.BICUBIC, "bilinear": Interpolation.BILINEAR}
_RECIPE_KEYS = ("mean", "std", "interpolation", "resize_mode")

#: The many ways in which torch's format, and open_clip's rewriting of foreign checkpoints, refuse a file.
_REFUSALS = (
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A dual encoder, ready to export.

    Attributes:
        name: `builtin`, or open_clip's name of the architecture.
        pretrained: open_clip's tag, the checkpoint's file name, `random`, or the name of the shipped weights.
        model: The open_clip model, float32, in evaluation mode, without gradients.
        preprocessing: From a picture to the pixels it takes.
        mean: What it subtracts from each channel, for pixels between 0 and 1.
        std: What it then divides by.
        dim: Length of an embedding.
        context_length: Tokens in the text tower's input.
        has_clip_tokenizer: Whether its text is split by OpenAI's byte pairs, the only way a device knows.
        licence: Licence of the weights, as far as known.
        space_id: See `compute_space_id`.
    """

    name: str
    pretrained: str
    model: nn.Module
    preprocessing: Preprocessing
    mean: Triple
    std: Triple
    dim: int
    context_length: int
    has_clip_tokenizer: bool
    licence: str
    space_id: str


def load_model(name: str, pretrained: str | None = None) -> LoadedModel:
    """Load a model with its weights.

    Args:
        name: `builtin`, `NAME/TAG` or `NAME`, as open_clip calls them.
        pretrained: A tag, a checkpoint file (`.safetensors`, `.pt`), or `random`: weights drawn from a fixed
            seed, for trying a model's size and speed. None if `name` says it all.

    Raises:
        SetupError: An unknown name or tag, a file that is missing, damaged or of another model, preprocessing
            that devices do not know, or the extra is not installed.
        NetworkError: Published weights are neither cached nor reachable.
    """
    _import_open_clip()
    choice = choose_model(name, pretrained)
    published = fetch_published_weights(choice.name, choice.tag) if choice.tag else None
    model = _build(choice)
    _fill(model, choice, published or choice.checkpoint)
    return _described(model.float().eval().requires_grad_(False), choice)


def _import_open_clip() -> None:
    ensure_torchvision_operators()
    try:
        import open_clip  # noqa: F401
    except ImportError as error:
        raise SetupError(f"{MISSING_EXTRA} ({error})") from error
    register()


def _build(choice: ModelChoice) -> nn.Module:
    import open_clip
    import torch

    if "hf_model_name" in open_clip.get_model_config(choice.name)["text_cfg"]:
        raise SetupError(f"{choice.name}: its text tower is not open_clip's own, which is not supported yet")
    with _quiet_open_clip(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        model: nn.Module = open_clip.create_model(
            choice.name,
            force_quick_gelu=_wants_quick_gelu(choice),
            force_preprocess_cfg=_recipe(choice),
        )
    return model


def _wants_quick_gelu(choice: ModelChoice) -> bool:
    import open_clip

    return bool(choice.tag and open_clip.get_pretrained_cfg(choice.name, choice.tag).get("quick_gelu"))


def _recipe(choice: ModelChoice) -> dict[str, Any]:
    """Return mean, std and resizing of the tag; without one, what all tags of the model agree on."""
    import open_clip

    tags = [choice.tag] if choice.tag else open_clip.list_pretrained_tags_by_model(choice.name)
    configurations = [open_clip.get_pretrained_cfg(choice.name, tag) for tag in tags]
    recipes = [{key: values[key] for key in _RECIPE_KEYS if key in values} for values in configurations]
    agree = all(recipe == recipes[0] for recipe in recipes)
    return recipes[0] if recipes and agree else {}


def _fill(model: nn.Module, choice: ModelChoice, checkpoint: Path | None) -> None:
    if choice.is_shipped:
        load_image_weights(model)
        load_text_weights(model)
    elif checkpoint is not None:
        _load_checkpoint(model, choice.name, checkpoint)


def _load_checkpoint(model: nn.Module, name: str, checkpoint: Path) -> None:
    import open_clip
    from safetensors import SafetensorError

    try:
        with _quiet_open_clip():
            open_clip.load_checkpoint(model, str(checkpoint), strict=True, weights_only=True)
    except (*_REFUSALS, SafetensorError) as error:
        lines = str(error).strip().splitlines() or [""]
        if "loading state_dict" in lines[0]:
            raise SetupError(
                f"{checkpoint}: is not a checkpoint of {name} ({_shortened(lines[-1].strip())})"
            ) from error
        raise SetupError(
            f"{checkpoint}: cannot be read as a checkpoint; it may be damaged or cut short"
            f" ({_shortened(f'{type(error).__name__}: {lines[0]}')})"
        ) from error


def _shortened(text: str) -> str:
    return text if len(text) <= 160 else text[:157] + "..."


def _described(model: nn.Module, choice: ModelChoice) -> LoadedModel:
    import open_clip

    configuration = open_clip.get_model_config(choice.name)
    values = open_clip.get_model_preprocess_cfg(model)
    preprocessing = read_preprocessing(choice.name, values)
    mean, std = _triple(values["mean"]), _triple(values["std"])
    is_builtin = choice.name == OPEN_CLIP_NAME
    return LoadedModel(
        name=BUILTIN if is_builtin else choice.name,
        pretrained=_weights_name(choice),
        model=model,
        preprocessing=preprocessing,
        mean=mean,
        std=std,
        dim=configuration["embed_dim"],
        context_length=configuration["text_cfg"].get("context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH),
        has_clip_tokenizer=_has_clip_tokenizer(choice.name, configuration["text_cfg"]),
        licence=LICENCE if choice.is_shipped else _foreign_licence(choice),
        space_id=compute_space_id(model, preprocessing, mean, std),
    )


def _weights_name(choice: ModelChoice) -> str:
    if choice.is_random:
        return RANDOM
    return choice.tag or (choice.checkpoint.name if choice.checkpoint else WEIGHTS_NAME)


def _foreign_licence(choice: ModelChoice) -> str:
    if choice.is_random:
        return "none: random weights"
    return f"unknown: see the publisher of {choice.name} {_weights_name(choice)}"


def _has_clip_tokenizer(name: str, text: dict[str, Any]) -> bool:
    # SigLIP's configurations name no tokenizer where open_clip chooses one by the model's name.
    return not text.get("hf_tokenizer_name") and not text.get("tokenizer_kwargs") and "siglip" not in name.lower()


def read_preprocessing(name: str, values: dict[str, Any]) -> Preprocessing:
    """Turn open_clip's preprocess configuration into the recipe of a pack.

    Args:
        name: The model's name, for messages.
        values: open_clip's `PreprocessCfg` as a dictionary.

    Raises:
        SetupError: Something that no device implements: an oblong input, another filter or way of resizing.
    """
    size = values["size"]
    sides = {size} if isinstance(size, int) else set(size)
    mode, filter_name = values["resize_mode"], values["interpolation"]
    if len(sides) != 1 or max(sides) > MAX_SIZE_PX:
        raise SetupError(f"{name}: takes pictures of {size} pixels; only squares up to {MAX_SIZE_PX} are supported")
    if mode not in _RESIZE_MODES:
        raise SetupError(f"{name}: resizes by `{mode}`; only {', '.join(_RESIZE_MODES)} are supported")
    if filter_name not in _INTERPOLATIONS:
        raise SetupError(f"{name}: resamples by `{filter_name}`; only {', '.join(_INTERPOLATIONS)} are supported")
    return Preprocessing(
        size_px=sides.pop(), resize_mode=_RESIZE_MODES[mode], interpolation=_INTERPOLATIONS[filter_name]
    )


def compute_space_id(model: nn.Module, preprocessing: Preprocessing, mean: Triple, std: Triple) -> str:
    """Return SHA-256, in hexadecimal, over everything that decides where a picture or a text is embedded.

    All parameters and stored buffers by name, as little-endian float32 (so that the precision of their file
    does not matter), then mean, std and preprocessing. Vectors with different ids are never compared.
    """
    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(f"{key} {list(tensor.shape)}\n".encode())
        digest.update(tensor.float().contiguous().numpy().astype("<f4", copy=False).data)
    recipe = [
        preprocessing.size_px,
        preprocessing.resize_mode.value,
        preprocessing.interpolation.value,
        mean,
        std,
    ]
    digest.update(json.dumps(recipe).encode())
    return digest.hexdigest()


def _triple(values: Any) -> Triple:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


@contextmanager
def _quiet_open_clip() -> Iterator[None]:
    with muted("open_clip", "timm"), warnings.catch_warnings():
        # Said of every model whose weights are loaded afterwards, as here.
        warnings.filterwarnings("ignore", message=".*[Nn]o pretrained weights.*")
        yield
