"""A fixed examination for the text tower: held-out photographs, and drawn things never seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from edge_identify.convert.training.encoded_texts import encode_texts
from edge_identify.convert.training.material.captioned_drawings import MOSAIC, Caption, colours_caption
from edge_identify.convert.training.material.captions import TEMPLATES, UNSEEN_TEMPLATE, words_for

if TYPE_CHECKING:
    import torch
    from open_clip import SimpleTokenizer

    from edge_identify.convert.models.model_loading import LoadedModel
    from edge_identify.convert.training.material.text_material import Drawings, Photographs

_DEPTH = 5
_SURE = 0.5  # the classifier's probability from which on its first answer counts as the truth


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMarks:
    """How well texts and pictures find each other; shares, 0 to 1, and 0 where there is nothing to ask.

    Attributes:
        top1: Of held-out photographs whose nearest caption is their label's.
        top5: Of them with it among the five nearest.
        top1_unseen_template: `top1` with a sentence that was not trained with.
        text_to_image: Of labels whose nearest held-out photograph shows them.
        majority: `top1` of always answering the most frequent label.
        sure_photographs: Held-out photographs of which ImageNet's classifier is sure, and whose class has a name.
        class_top1: Of these, those whose nearest class name is the classifier's first answer.
        class_top5: Of these, those with it among the five nearest.
        colour_texts: Pairs of colours asked for, as in "a blue and white mosaic".
        colour_top1: Of these texts, those whose nearest drawn thing has both colours.
        colour_top5: Of these texts, those with one among the five nearest.
        colour_chance: `colour_top5` of five things chosen at random.
    """

    top1: float
    top5: float
    top1_unseen_template: float
    text_to_image: float
    majority: float
    sure_photographs: int
    class_top1: float
    class_top5: float
    colour_texts: int
    colour_top1: float
    colour_top5: float
    colour_chance: float


def examine_texts(
    loaded: LoadedModel,
    tokenizer: SimpleTokenizer,
    photographs: Photographs,
    labels: Sequence[str],
    drawings: Drawings,
    names: Sequence[tuple[str, ...]],
) -> TextMarks:
    """Let the text tower of a loaded `edge-builtin` model answer.

    Args:
        loaded: The model.
        tokenizer: Its tokenizer.
        photographs: Held-out ones.
        labels: All labels.
        drawings: Of a seed of their own.
        names: Of each ImageNet class; some have none.
    """
    scores, unseen = (
        photographs.embeddings
        @ encode_texts(loaded, [sentence.format(words_for(each)[0]) for each in labels], tokenizer).T
        for sentence in (TEMPLATES[0], UNSEEN_TEMPLATE)
    )
    classes = [at for at, of_class in enumerate(names) if of_class]
    by_class = photographs.embeddings @ encode_texts(loaded, [names[at][0] for at in classes], tokenizer).T
    asked, truth = _sure(photographs, classes)
    captions = [colours_caption(pair) for pair in combinations(_hues(drawings), 2)]
    shown = _shown(captions, drawings)
    captions, shown = [c for c, row in zip(captions, shown, strict=True) if row.any()], shown[shown.any(1)]
    by_looks = encode_texts(loaded, [caption.text for caption in captions], tokenizer) @ drawings.embeddings.T
    return TextMarks(
        top1=_top(scores, photographs.labels, 1),
        top5=_top(scores, photographs.labels, _DEPTH),
        top1_unseen_template=_top(unseen, photographs.labels, 1),
        text_to_image=_text_to_image(scores, photographs.labels),
        majority=_share(photographs.labels == photographs.labels.mode().values),
        sure_photographs=len(truth),
        class_top1=_top(by_class[asked], truth, 1),
        class_top5=_top(by_class[asked], truth, _DEPTH),
        colour_texts=len(captions),
        colour_top1=_hits(by_looks, shown, 1),
        colour_top5=_hits(by_looks, shown, _DEPTH),
        colour_chance=_chance(shown),
    )


def _sure(photographs: Photographs, classes: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return which photographs the classifier is sure of, bool [n], and their classes' positions among `classes`."""
    import torch

    likeliest, first = photographs.answers.softmax(1).max(1)
    position = torch.full((photographs.answers.shape[1],), -1)
    position[list(classes)] = torch.arange(len(classes))
    asked = (likeliest >= _SURE) & (position[first] >= 0)
    return asked, position[first[asked]]


def _hues(drawings: Drawings) -> list[str]:
    """Return the colours of one word that a mosaic has."""
    found = {colour for thing in drawings.things if MOSAIC in thing.looks for colour in thing.colours}
    return sorted({colour.split()[-1] for colour in found})


def _shown(captions: Sequence[Caption], drawings: Drawings) -> torch.Tensor:
    import torch

    return torch.tensor([[thing.shows(caption) for thing in drawings.things] for caption in captions])


def _hits(scores: torch.Tensor, shown: torch.Tensor, k: int) -> float:
    return _share(shown.gather(1, scores.topk(min(k, scores.shape[1]), dim=1).indices).any(1))


def _chance(shown: torch.Tensor) -> float:
    """Return the expected share of texts with a hit among five different things chosen at random."""
    import torch

    things = shown.shape[1]
    without = things - shown.sum(1).double()
    missed = torch.ones_like(without)
    for drawn in range(min(_DEPTH, things)):
        missed *= (without - drawn).clamp_min(0) / (things - drawn)
    return round(float((1 - missed).mean()), 4)


def _top(scores: torch.Tensor, truth: torch.Tensor, k: int) -> float:
    return _share((scores.topk(min(k, scores.shape[1]), dim=1).indices == truth[:, None]).any(1))


def _text_to_image(scores: torch.Tensor, truth: torch.Tensor) -> float:
    import torch

    present = torch.tensor(sorted(set(truth.tolist())))
    return _share(truth[scores[:, present].argmax(0)] == present)


def _share(hits: torch.Tensor) -> float:
    return round(float(hits.float().mean()), 4) if hits.numel() else 0.0
