"""What the text tower is asked to do, as numbers to make small."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_DIRECTION_SCALE = 20.0  # of the cosines of names with classes


def caption_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Return how far captions are from the pictures that they are true of, and these from the captions.

    Args:
        logits: [pictures, captions].
        truth: bool [pictures, captions]. A caption may be true of several pictures and a picture may have several.
            Pictures and captions with none do not count as questions; they stand among the answers.
    """
    return (_missed(logits, truth) + _missed(logits.T, truth.T)) / 2


def direction_loss(texts: Tensor, directions: Tensor) -> Tensor:
    """Return how far names are from their class's direction, and how near to other classes'.

    Args:
        texts: Unit vectors [n, dim].
        directions: Unit vectors [n, dim], each the class of its text.
    """
    cosines = texts @ directions.T
    answers = torch.arange(len(texts))
    contrast = F.cross_entropy(_DIRECTION_SCALE * cosines, answers)
    return contrast + 1 - cosines.diagonal().mean()


def _missed(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the mean cross-entropy with all true answers as equal parts of the target."""
    asked = truth.any(1)
    targets = truth[asked].float()
    loss: Tensor = F.cross_entropy(logits[asked], targets / targets.sum(1, keepdim=True))
    return loss
