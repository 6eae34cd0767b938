"""The tested families of encoders, and facts about a model without its weights.

open_clip knows about 150 architectures. The export of `FAMILIES` is tested. Other models can be exported, too; the
fidelity gate decides. Models are built on torch's `meta` device to count their parameters. That takes 0.1 s and no
memory, instead of a second and up to a gigabyte each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_identify.convert.builtin import LICENCE, OPEN_CLIP_NAME, WEIGHTS_NAME
from edge_identify.convert.models.libraries.library_logging import quiet_open_clip
from edge_identify.convert.models.model_loading import import_open_clip
from edge_identify.convert.models.model_names import BUILTIN, choose_name
from edge_identify.convert.models.text_tokenizer import takes_tokenizer_file
from edge_identify.convert.models.weights.weights_licences import Licence, find_licence
from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    from torch import nn

#: Small before large within a kind; the first one is the default.
FAMILIES = (
    BUILTIN,
    "ViT-B-32",
    "ViT-B-16",
    "ViT-L-14",
    "RN50",
    "MobileCLIP-S1",
    "MobileCLIP-S2",
    "MobileCLIP2-S0",
    "ViT-B-16-SigLIP",
    "EVA02-B-16",
    "convnext_base",
    "ViTamin-S",
)

_BUILTIN_LICENCE = Licence(name=LICENCE, source="convert/builtin/MODEL_CARD.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedWeights:
    """Published weights of a model.

    Attributes:
        tag: open_clip's name of the weights.
        licence: Their licence; None if it is not known.
    """

    tag: str
    licence: Licence | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDescription:
    """Facts about a model that do not depend on its weights.

    Attributes:
        name: `builtin`, or open_clip's name.
        dim: Length of an embedding.
        size_px: Side of its input images.
        image_parameters: Parameters of the image tower as published, before its branches are folded.
        image_is_transformer: Whether the image tower is a transformer; see `is_transformer`.
        text_parameters: Parameters of the text tower and of shared parts.
        word_parameters: Parameters of the token embedding, part of `text_parameters`.
        needs_tokenizer_file: Whether its tokenizer is a `tokenizer.json` file.
        weights: Its published weights.
    """

    name: str
    dim: int
    size_px: int
    image_parameters: int
    image_is_transformer: bool
    text_parameters: int
    word_parameters: int
    needs_tokenizer_file: bool
    weights: tuple[PublishedWeights, ...]


def describe_model(model: str) -> ModelDescription:
    """Describe a model.

    Args:
        model: `builtin`, or open_clip's name.

    Raises:
        SetupError: open_clip knows no model of this name, does not build its text tower itself, or is not installed.
    """
    import_open_clip()
    import open_clip

    name = choose_name(model)
    configuration = open_clip.get_model_config(name)
    text = configuration["text_cfg"]
    if "hf_model_name" in text:
        raise SetupError(f"{name}: its text tower is not open_clip's own, which is not supported yet")
    built = _build_without_numbers(name)
    image_parameters = _count(built.visual)
    return ModelDescription(
        name=BUILTIN if name == OPEN_CLIP_NAME else name,
        dim=configuration["embed_dim"],
        size_px=_side(configuration["vision_cfg"].get("image_size", 224)),  # 224: open_clip's own default
        image_parameters=image_parameters,
        image_is_transformer=is_transformer(built.visual),
        text_parameters=_count(built) - image_parameters,
        word_parameters=text["vocab_size"] * text["width"],
        needs_tokenizer_file=takes_tokenizer_file(name, text),
        weights=_published_weights(name),
    )


def other_models() -> tuple[str, ...]:
    """Return open_clip's names of the models outside the tested families.

    Raises:
        SetupError: The extra `convert` is not installed.
    """
    import_open_clip()
    import open_clip

    return tuple(name for name in open_clip.list_models() if name not in (*FAMILIES, OPEN_CLIP_NAME))


def _published_weights(name: str) -> tuple[PublishedWeights, ...]:
    import open_clip

    if name == OPEN_CLIP_NAME:
        return (PublishedWeights(tag=WEIGHTS_NAME, licence=_BUILTIN_LICENCE),)
    tags = open_clip.list_pretrained_tags_by_model(name)
    return tuple(PublishedWeights(tag=tag, licence=find_licence(name, tag)) for tag in tags)


def is_transformer(visual: nn.Module) -> bool:
    """Return whether an image tower is a transformer: it has at most one convolution, for the patches.

    A transformer is quantised dynamically, a convolutional net statically.
    """
    from torch import nn

    return sum(isinstance(module, nn.Conv2d) for module in visual.modules()) <= 1


def _build_without_numbers(name: str) -> Any:
    import open_clip
    import torch

    with quiet_open_clip(), torch.device("meta"):
        return open_clip.create_model(name, device="meta", load_weights=False)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _side(size: int | list[int]) -> int:
    return size if isinstance(size, int) else max(size)
