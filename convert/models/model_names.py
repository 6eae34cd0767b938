"""Resolves `--model`, `--model-config` and `--pretrained` to a model and the source of its weights.

open_clip's tags differ from model to model by a few characters (`laion2b_s34b_b79k` belongs to ViT-B-32,
`laion2b_s32b_b82k` to ViT-L-14), and open_clip only reports "not found". So an error for a wrong name or tag lists the
valid ones, the most similar first.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_identify.convert.builtin import OPEN_CLIP_NAME
from edge_identify.convert.models.custom_models import register_custom_model
from edge_identify.edge_runtime.errors import SetupError

BUILTIN = "builtin"
RANDOM = "random"

_CHECKPOINT_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
_NEAREST_NAMES = 4  # they fit on one line


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """A model and the source of its weights: a tag, a checkpoint, random weights, or (if none) the shipped weights.

    Attributes:
        name: open_clip's name of the architecture.
        tag: open_clip's name of published weights.
        checkpoint: A local file of weights.
        is_random: Whether the weights are drawn from a fixed seed, for tests.
        recipe: open_clip's preprocess configuration, if a custom model has one.
    """

    name: str
    tag: str | None = None
    checkpoint: Path | None = None
    is_random: bool = False
    recipe: Mapping[str, Any] | None = None

    @property
    def is_shipped(self) -> bool:
        """Whether the weights are those of this package."""
        return self.tag is None and self.checkpoint is None and not self.is_random


def choose_model(model: str, pretrained: str | None) -> ModelChoice:
    """Resolve `--model` and `--pretrained`, without network access.

    Args:
        model: `builtin`, `NAME/TAG` or `NAME`.
        pretrained: A tag, a checkpoint file, `random`, or None.

    Returns:
        A model that open_clip knows, with a known tag or an existing file.

    Raises:
        SetupError: The name is unknown, the tag is not one of this model, no weights are named, or the file is missing.
    """
    name, tag = _split(model)
    if tag and pretrained:
        raise SetupError(f"{model}: the weights are named twice, `{tag}` and `{pretrained}`; leave one out")
    weights = tag or pretrained
    if weights is None and name == OPEN_CLIP_NAME:
        return ModelChoice(name=name)
    if weights is None:
        raise SetupError(
            f"{name}: which weights? Give {name}/TAG with one of {_listed_tags(name)}, or --pretrained FILE"
        )
    if weights == RANDOM:
        return ModelChoice(name=name, is_random=True)
    if weights.endswith(_CHECKPOINT_SUFFIXES) or Path(weights).is_file():
        return ModelChoice(name=name, checkpoint=_existing(Path(weights)))
    return ModelChoice(name=name, tag=_known_tag(name, weights))


def choose_custom_model(model_config: Path, pretrained: str | None) -> ModelChoice:
    """Resolve `--model-config` and `--pretrained`.

    Args:
        model_config: A file in open_clip's format.
        pretrained: A checkpoint file or `random`.

    Raises:
        SetupError: The configuration cannot be read, or the weights are not named or missing.
    """
    if pretrained is None:
        raise SetupError(f"{model_config}: which weights? Give --pretrained FILE, or --pretrained random to try it out")
    custom = register_custom_model(model_config)
    if pretrained == RANDOM:
        return ModelChoice(name=custom.name, is_random=True, recipe=custom.recipe)
    return ModelChoice(name=custom.name, checkpoint=_existing(Path(pretrained)), recipe=custom.recipe)


def choose_name(model: str) -> str:
    """Return open_clip's name of a model.

    Args:
        model: The name, such as `ViT-B-32` or `ViT-B/32`, without a tag.

    Raises:
        SetupError: open_clip knows no such model, or a tag is given.
    """
    name, tag = _split(model)
    if tag:
        raise SetupError(f"{model}: give the name alone, {name}; its weights are listed then")
    return name


def _split(model: str) -> tuple[str, str | None]:
    import open_clip

    if model == BUILTIN:
        return OPEN_CLIP_NAME, None
    names = open_clip.list_models()
    if model.replace("/", "-") in names:  # ViT-B/32 is the paper's spelling
        return model.replace("/", "-"), None
    name, _, tag = model.rpartition("/") if "/" in model else (model, "", "")
    name = OPEN_CLIP_NAME if name == BUILTIN else name.replace("/", "-")
    if name not in names:
        raise SetupError(
            f"{name or model}: open_clip knows no model of this name; the nearest are"
            f" {', '.join(_nearest(name or model, [BUILTIN, *names])[:_NEAREST_NAMES])}; see `edge-build models`"
        )
    return name, tag or None


def _known_tag(name: str, tag: str) -> str:
    import open_clip

    tags = open_clip.list_pretrained_tags_by_model(name)
    if tag in tags:
        return tag
    if not tags:
        raise SetupError(f"{name}: no weights are published for it, so not `{tag}`; use --pretrained FILE")
    raise SetupError(
        f"{name} has no weights named `{tag}`; did you mean {name}/{_nearest(tag, tags)[0]}? Valid: {', '.join(tags)}"
    )


def _listed_tags(name: str) -> str:
    import open_clip

    return ", ".join(open_clip.list_pretrained_tags_by_model(name)) or "(none published)"


def _existing(checkpoint: Path) -> Path:
    if not checkpoint.is_file():
        raise SetupError(f"{checkpoint}: no such checkpoint file; give --pretrained the path of one")
    return checkpoint


def _nearest(wrong: str, valid: list[str]) -> list[str]:
    """Return `valid`, the most similar names first; case is ignored."""

    def likeness(name: str) -> float:
        return difflib.SequenceMatcher(None, wrong.lower(), name.lower()).ratio()

    return sorted(valid, key=likeness, reverse=True)
