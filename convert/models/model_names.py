"""Which model is meant by `--model` or `--model-config`, and by `--pretrained`, with an answer to every wrong pair.

open_clip says only "not found". The tags differ from model to model in one letter (`laion2b_s34b_b79k`
belongs to ViT-B-32, `laion2b_s32b_b82k` to ViT-L-14), so a wrong pair is told the valid ones, nearest
first.
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
_NEAREST_NAMES = 4  # as many as fit on one line


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """A model and where its weights come from: exactly one of tag, checkpoint and random, or the shipped weights.

    Attributes:
        name: open_clip's name of the architecture.
        tag: open_clip's name of published weights.
        checkpoint: A local file of weights.
        is_random: Weights drawn from a fixed seed, to try things out.
        recipe: open_clip's preprocess configuration, if a custom model brings one.
    """

    name: str
    tag: str | None = None
    checkpoint: Path | None = None
    is_random: bool = False
    recipe: Mapping[str, Any] | None = None

    @property
    def is_shipped(self) -> bool:
        """Whether the weights are those that come with this package."""
        return self.tag is None and self.checkpoint is None and not self.is_random


def choose_model(model: str, pretrained: str | None) -> ModelChoice:
    """Read what the user asked for.

    Args:
        model: `builtin`, `NAME/TAG` or `NAME`.
        pretrained: A tag, a checkpoint file, `random`, or None.

    Returns:
        A name that open_clip knows, with weights that exist as far as can be told without a network.

    Raises:
        SetupError: An unknown name, a tag that is not of this model, no weights named, a missing file.
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
    """Read what the user asked for with a configuration of their own.

    Args:
        model_config: A file in open_clip's format.
        pretrained: A checkpoint file or `random`.

    Raises:
        SetupError: A configuration that cannot be read, or no such weights.
    """
    if pretrained is None:
        raise SetupError(f"{model_config}: which weights? Give --pretrained FILE, or --pretrained random to try it out")
    custom = register_custom_model(model_config)
    if pretrained == RANDOM:
        return ModelChoice(name=custom.name, is_random=True, recipe=custom.recipe)
    return ModelChoice(name=custom.name, checkpoint=_existing(Path(pretrained)), recipe=custom.recipe)


def choose_name(model: str) -> str:
    """Return open_clip's name of a model, given as people write it and without a tag.

    Raises:
        SetupError: open_clip knows no such model.
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
    if model.replace("/", "-") in names:  # people write ViT-B/32, as the paper does
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
    """Return `valid`, the most alike first, whatever the case."""

    def likeness(name: str) -> float:
        return difflib.SequenceMatcher(None, wrong.lower(), name.lower()).ratio()

    return sorted(valid, key=likeness, reverse=True)
