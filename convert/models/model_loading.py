"""Loading a dual encoder: an open_clip model by name, a configuration of one's own, or the built-in one.

A newcomer would call `open_clip.create_model(name, pretrained=tag)`. That gives an OpenAI checkpoint the
wrong activation with only a warning (`quick_gelu` is a property of the weights, not of the name), gives a
local file the default preprocessing even if every published checkpoint of that model uses another one, leaves
the branches in that a network only trains with, asks for no licence, and unpickles.
"""

from __future__ import annotations

import hashlib
import json
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
from edge_identify.convert.models.libraries.library_logging import quiet_open_clip
from edge_identify.convert.models.libraries.torchvision_operators import MISSING_EXTRA, ensure_torchvision_operators
from edge_identify.convert.models.model_names import BUILTIN, RANDOM, ModelChoice, choose_custom_model, choose_model
from edge_identify.convert.models.text_tokenizer import TextTokenizer, find_tokenizer, read_context_length
from edge_identify.convert.models.weights.random_weights import enliven
from edge_identify.convert.models.weights.reparameterisation import reparameterise
from edge_identify.convert.models.weights.weights_download import fetch_published_weights
from edge_identify.convert.models.weights.weights_files import load_weights, shortened_reason
from edge_identify.convert.models.weights.weights_licences import Licence, find_licence
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.photos.preprocessing import MAX_SIZE_PX, Interpolation, Preprocessing, ResizeMode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

RANDOM_SEED = 0

_RESIZE_MODES = {"shortest": ResizeMode.SHORTEST_SIDE, "squash": ResizeMode.SQUASH}
_INTERPOLATIONS = {"bicubic": Interpolation.BICUBIC, "bilinear": Interpolation.BILINEAR}
_RECIPE_KEYS = ("mean", "std", "interpolation", "resize_mode")

#: How open_clip, timm and torch refuse a configuration whose parts do not fit each other.
_MISFITS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A dual encoder, ready to export.

    Attributes:
        name: `builtin`, or open_clip's name of the architecture.
        pretrained: open_clip's tag, the checkpoint's file name, `random`, or the name of the shipped weights.
        model: The open_clip model, float32, in evaluation mode, without gradients, its branches folded.
        preprocessing: From an image to the pixels it takes.
        mean: What it subtracts from each channel, for pixels between 0 and 1.
        std: What it then divides by.
        dim: Length of an embedding.
        context_length: Tokens in the text tower's input.
        tokenizer: What splits its text on devices; None if they cannot, and the text tower stays behind.
        licence: Licence of the weights, as far as known, and that it was accepted where it had to be.
        space_id: See `compute_space_id`.
        adapter: What embeddings of both towers are multiplied by, float32 [dim, dim]; see `convert.adapting`.
    """

    name: str
    pretrained: str
    model: nn.Module
    preprocessing: Preprocessing
    mean: Triple
    std: Triple
    dim: int
    context_length: int
    tokenizer: TextTokenizer | None
    licence: str
    space_id: str
    adapter: NDArray[np.float32] | None = None


def load_model(
    name: str,
    pretrained: str | None = None,
    *,
    model_config: Path | None = None,
    tokenizer: Path | None = None,
    accept_licence: bool = False,
) -> LoadedModel:
    """Load a model with its weights.

    Args:
        name: `builtin`, `NAME/TAG` or `NAME`, as open_clip calls them. `builtin` where there is a `model_config`.
        pretrained: A tag, a checkpoint file (`.safetensors`, `.pt`), or `random`: weights drawn from a fixed
            seed, for trying a model's size and speed. None if `name` says it all.
        model_config: A configuration in open_clip's format, instead of a name.
        tokenizer: A `tokenizer.json`, for models whose text CLIP's byte pairs do not split.
        accept_licence: Whether the user accepts a licence that is for research only.

    Raises:
        SetupError: An unknown name or tag, a file that is missing, damaged or of another model, preprocessing
            that devices do not know, a licence that was not accepted, or the extra is not installed.
        NetworkError: Published weights are neither cached nor reachable.
    """
    import_open_clip()
    choice = _choose(name, pretrained, model_config)
    _check_licence(choice, accept_licence)
    text_tokenizer = find_tokenizer(choice.name, _configuration(choice)["text_cfg"], tokenizer)
    published = fetch_published_weights(choice.name, choice.tag) if choice.tag else None
    model = _build(choice)
    _fill(model, choice, published or choice.checkpoint)
    return _described(model.float().eval().requires_grad_(False), choice, text_tokenizer)


def _choose(name: str, pretrained: str | None, model_config: Path | None) -> ModelChoice:
    if model_config is None:
        return choose_model(name, pretrained)
    if name != BUILTIN:
        raise SetupError(f"the model is named twice, {name} and {model_config}; leave --model or --model-config out")
    return choose_custom_model(model_config, pretrained)


def _check_licence(choice: ModelChoice, accepted: bool) -> None:
    licence = _published_licence(choice)
    if licence is not None and licence.is_research_only and not accepted:
        raise SetupError(
            f"{choice.name}/{choice.tag}: its weights are for research only, under {licence.name}; read it "
            f"({licence.source}) and pass --accept-licence if you keep to it, or choose other weights"
        )


def _published_licence(choice: ModelChoice) -> Licence | None:
    return find_licence(choice.name, choice.tag) if choice.tag else None


def _configuration(choice: ModelChoice) -> dict[str, Any]:
    import open_clip

    configuration: dict[str, Any] = open_clip.get_model_config(choice.name)
    return configuration


def import_open_clip() -> None:
    """Import open_clip for the first time, in the one way that always works, with the built-in model registered.

    Raises:
        SetupError: The extra is not installed.
    """
    ensure_torchvision_operators()
    try:
        import open_clip  # noqa: F401
    except ImportError as error:
        raise SetupError(f"{MISSING_EXTRA} ({error})") from error
    register()


def _build(choice: ModelChoice) -> nn.Module:
    import open_clip
    import torch

    if "hf_model_name" in _configuration(choice)["text_cfg"]:
        raise SetupError(f"{choice.name}: its text tower is not open_clip's own, which is not supported yet")
    try:
        with quiet_open_clip(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(RANDOM_SEED)
            model: nn.Module = open_clip.create_model(
                choice.name,
                force_quick_gelu=_wants_quick_gelu(choice),
                force_preprocess_cfg=_recipe(choice),
            )
            if choice.recipe is not None:
                _try_out(model.eval())
    except _MISFITS as error:
        reason = shortened_reason(" ".join(f"{type(error).__name__}: {error}".split()))
        raise SetupError(
            f"{choice.name}: open_clip cannot build this model; check its configuration ({reason})"
        ) from error
    return model


def _try_out(model: nn.Module) -> None:
    """Embed one image: timm's transformers take one size whatever the configuration says, and notice only then."""
    import open_clip
    import torch

    height, width = open_clip.get_model_preprocess_cfg(model)["size"]
    with torch.inference_mode():
        model.encode_image(torch.zeros(1, 3, height, width))  # type: ignore[operator]


def _wants_quick_gelu(choice: ModelChoice) -> bool:
    import open_clip

    return bool(choice.tag and open_clip.get_pretrained_cfg(choice.name, choice.tag).get("quick_gelu"))


def _recipe(choice: ModelChoice) -> dict[str, Any]:
    """Return mean, std and resizing of the tag; without one, what all tags of the model agree on."""
    import open_clip

    if choice.recipe is not None:
        return {key: choice.recipe[key] for key in _RECIPE_KEYS if key in choice.recipe}
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
        load_weights(model, choice.name, checkpoint)
    elif choice.name != OPEN_CLIP_NAME:  # the built-in one is trained from what its constructor drew
        enliven(model, size_px=_size_px(model, choice), seed=RANDOM_SEED)


def _size_px(model: nn.Module, choice: ModelChoice) -> int:
    import open_clip

    return read_preprocessing(choice.name, open_clip.get_model_preprocess_cfg(model)).size_px


def _described(model: nn.Module, choice: ModelChoice, tokenizer: TextTokenizer | None) -> LoadedModel:
    import open_clip

    configuration = _configuration(choice)
    values = open_clip.get_model_preprocess_cfg(model)
    preprocessing = read_preprocessing(choice.name, values)
    mean, std = _triple(values["mean"]), _triple(values["std"])
    space_id = compute_space_id(model, preprocessing, mean, std)  # of the weights as they are published
    return LoadedModel(
        name=BUILTIN if choice.name == OPEN_CLIP_NAME else choice.name,
        pretrained=_weights_name(choice),
        model=reparameterise(choice.name, model, preprocessing.size_px),
        preprocessing=preprocessing,
        mean=mean,
        std=std,
        dim=configuration["embed_dim"],
        context_length=read_context_length(configuration["text_cfg"]),
        tokenizer=tokenizer,
        licence=LICENCE if choice.is_shipped else _foreign_licence(choice),
        space_id=space_id,
    )


def _weights_name(choice: ModelChoice) -> str:
    if choice.is_random:
        return RANDOM
    return choice.tag or (choice.checkpoint.name if choice.checkpoint else WEIGHTS_NAME)


def _foreign_licence(choice: ModelChoice) -> str:
    if choice.is_random:
        return "none: random weights"
    licence = _published_licence(choice)
    if licence is None:
        return f"unknown: see the publisher of {choice.name} {_weights_name(choice)}"
    if licence.is_research_only:
        return f"{licence.name}, for research only, accepted with --accept-licence; see {licence.source}"
    return licence.name


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
    """Return SHA-256, in hexadecimal, over everything that decides where an image or a text is embedded.

    All parameters and stored buffers by name, as little-endian float32 (so that the precision of their file
    does not matter), then mean, std and preprocessing. Vectors with different ids are never compared.

    It is computed on the weights as they were published, before `reparameterise`: folding changes names and
    numbers but not the space, and a later timm that folds otherwise must not make another one of it.
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
