"""Loads a dual encoder: an open_clip model by name, a custom configuration, or the built-in model.

Trap: `open_clip.create_model(name, pretrained=tag)` is not enough. It builds OpenAI checkpoints with the wrong
activation and only warns (`quick_gelu` depends on the weights, not on the name). It uses the default preprocessing for
local files, even if all published checkpoints of the model use another one. It keeps branches that are only needed for
training, does not check licences, and unpickles files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.builtin import (
    LICENCE,
    OPEN_CLIP_NAME,
    PREPROCESSING,
    WEIGHTS_NAME,
    load_image_weights,
    load_text_weights,
    register,
)
from edge_identify.convert.caching.build_cache import cache_key
from edge_identify.convert.models.embedding_space import Triple, compute_space_id
from edge_identify.convert.models.libraries.library_logging import quiet_open_clip
from edge_identify.convert.models.libraries.torchvision_operators import MISSING_EXTRA, ensure_torchvision_operators
from edge_identify.convert.models.model_names import BUILTIN, RANDOM, ModelChoice, choose_custom_model, choose_model
from edge_identify.convert.models.model_preprocessing import read_preprocessing
from edge_identify.convert.models.text_tokenizer import TextTokenizer, find_tokenizer, read_context_length
from edge_identify.convert.models.weights.random_weights import enliven
from edge_identify.convert.models.weights.reparameterisation import reparameterise
from edge_identify.convert.models.weights.weights_download import fetch_published_weights
from edge_identify.convert.models.weights.weights_files import load_weights, shortened_reason
from edge_identify.convert.models.weights.weights_licences import Licence, find_licence
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.photos.preprocessing import Preprocessing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

RANDOM_SEED = 0

_RECIPE_KEYS = ("mean", "std", "interpolation", "resize_mode")

#: Exceptions of open_clip, timm and torch for an inconsistent configuration.
_MISFITS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A dual encoder, ready to export.

    Attributes:
        name: `builtin`, or open_clip's name of the architecture.
        pretrained: open_clip's tag, the checkpoint's file name, `random`, or the name of the shipped weights.
        build: Returns the open_clip model; see `model`. Several calls return the same model.
        architecture: Hash of the architecture's configuration; equal weights may be used in two ways.
        preprocessing: Preprocessing of its input images.
        mean: Mean of each channel (RGB), for pixels of 0 to 1.
        std: Standard deviation of each channel (RGB), for pixels of 0 to 1.
        dim: Length of an embedding.
        context_length: Token ids in the text tower's input.
        tokenizer: Its tokenizer; None if devices cannot tokenise its texts, and packs get no text tower.
        licence: Licence of the weights, as far as known; names the acceptance of a research licence.
        space_id: See `compute_space_id`.
        adapter: Factor of the embeddings of both towers, float32 [dim, dim]; see `convert.adapting`.
    """

    name: str
    pretrained: str
    build: Callable[[], nn.Module]
    architecture: str
    preprocessing: Preprocessing
    mean: Triple
    std: Triple
    dim: int
    context_length: int
    tokenizer: TextTokenizer | None
    licence: str
    space_id: str
    adapter: NDArray[np.float32] | None = None

    @property
    def model(self) -> nn.Module:
        """The open_clip model, float32, in evaluation mode, without gradients, its branches folded."""
        return self.build()

    @property
    def key(self) -> str:
        """A hash that covers all that an export of the model depends on, for keys of the cache."""
        tokenizer = None if self.tokenizer is None else self.tokenizer.key
        return cache_key(self.name, self.pretrained, self.architecture, self.space_id, tokenizer)


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
        name: `builtin`, `NAME/TAG` or `NAME` with open_clip's names; `builtin` if `model_config` is given.
        pretrained: A tag, a checkpoint file (`.safetensors`, `.pt`), or `random`: weights drawn from a fixed seed, to
            measure a model's size and speed. None for the tag in `name`, or for the built-in model.
        model_config: A configuration in open_clip's format, instead of a name.
        tokenizer: A `tokenizer.json`, for models that do not use CLIP's tokenizer.
        accept_licence: Whether the user accepts a licence for research only.

    Raises:
        SetupError: The name or tag is unknown; a file is missing, damaged or of another model; devices do not support
            the preprocessing; a licence was not accepted; or the extra `convert` is not installed.
        NetworkError: Published weights are neither cached nor reachable.
    """
    choice = chosen_model(name, pretrained, model_config, accept_licence=accept_licence)
    text_tokenizer = find_tokenizer(choice.name, model_configuration(choice)["text_cfg"], tokenizer)
    weights = weights_file(choice)
    model = _build(choice)
    _fill(model, choice, weights)
    return _described(model.float().eval().requires_grad_(False), choice, text_tokenizer)


def chosen_model(
    name: str, pretrained: str | None, model_config: Path | None, *, accept_licence: bool = False
) -> ModelChoice:
    """Resolve the options of a model and check its licence; see `load_model`."""
    import_open_clip()
    choice = _choose(name, pretrained, model_config)
    _check_licence(choice, accept_licence)
    return choice


def weights_file(choice: ModelChoice) -> Path | None:
    """Return the file of a model's weights; None for shipped and random weights.

    Raises:
        NetworkError: Published weights are neither cached nor reachable.
    """
    return fetch_published_weights(choice.name, choice.tag) if choice.tag else choice.checkpoint


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
            f"{choice.name}/{choice.tag}: its weights are for research only, under {licence.name}; read the licence "
            f"({licence.source}) and pass --accept-licence if you keep to it, or choose other weights"
        )


def _published_licence(choice: ModelChoice) -> Licence | None:
    return find_licence(choice.name, choice.tag) if choice.tag else None


def model_configuration(choice: ModelChoice) -> dict[str, Any]:
    """Return open_clip's configuration of a model."""
    import open_clip

    configuration: dict[str, Any] = open_clip.get_model_config(choice.name)
    return configuration


def import_open_clip() -> None:
    """Import open_clip, also beside a CPU-only torch, and register the built-in model.

    Raises:
        SetupError: The extra `convert` is not installed.
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

    if "hf_model_name" in model_configuration(choice)["text_cfg"]:
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
    """Embed one image: some of timm's transformers have a fixed image size and only check it then."""
    import open_clip
    import torch

    height, width = open_clip.get_model_preprocess_cfg(model)["size"]
    with torch.inference_mode():
        model.encode_image(torch.zeros(1, 3, height, width))  # type: ignore[operator]


def _wants_quick_gelu(choice: ModelChoice) -> bool:
    import open_clip

    return bool(choice.tag and open_clip.get_pretrained_cfg(choice.name, choice.tag).get("quick_gelu"))


def _recipe(choice: ModelChoice) -> dict[str, Any]:
    """Return mean, std and resizing of the tag; without a tag, the values on which all tags of the model agree."""
    import open_clip

    if choice.name == OPEN_CLIP_NAME:
        return dict(PREPROCESSING)
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
    elif choice.name != OPEN_CLIP_NAME:  # the training of the built-in model starts from its constructor's weights
        enliven(model, size_px=_size_px(model, choice), seed=RANDOM_SEED)


def _size_px(model: nn.Module, choice: ModelChoice) -> int:
    import open_clip

    return read_preprocessing(choice.name, open_clip.get_model_preprocess_cfg(model)).size_px


def _described(model: nn.Module, choice: ModelChoice, tokenizer: TextTokenizer | None) -> LoadedModel:
    import open_clip

    configuration = model_configuration(choice)
    values = open_clip.get_model_preprocess_cfg(model)
    preprocessing = read_preprocessing(choice.name, values)
    mean, std = _triple(values["mean"]), _triple(values["std"])
    space_id = compute_space_id(model, preprocessing, mean, std)  # of the weights as published, before folding
    folded = reparameterise(choice.name, model, preprocessing.size_px)
    return LoadedModel(
        name=BUILTIN if choice.name == OPEN_CLIP_NAME else choice.name,
        pretrained=_weights_name(choice),
        build=lambda: folded,
        architecture=architecture_of(choice),
        preprocessing=preprocessing,
        mean=mean,
        std=std,
        dim=configuration["embed_dim"],
        context_length=read_context_length(configuration["text_cfg"]),
        tokenizer=tokenizer,
        licence=LICENCE if choice.is_shipped else _foreign_licence(choice),
        space_id=space_id,
    )


def architecture_of(choice: ModelChoice) -> str:
    """Return a hash of a model's configuration, for keys of the cache."""
    recipe = dict(choice.recipe) if choice.recipe is not None else None
    return cache_key(model_configuration(choice), _wants_quick_gelu(choice), repr(recipe))


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


def _triple(values: Any) -> Triple:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
