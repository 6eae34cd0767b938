"""The two losses do what their formulas say."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from edge_identify.convert.training.layers.losses import CONTRAST_TEMPERATURE, contrast_loss, hold_loss


def _unit(rows: int, dim: int = 8, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_the_contrast_is_the_cross_entropy_of_the_batch() -> None:
    references, photos = _unit(4, seed=1), _unit(4, seed=2)
    logits = photos @ references.T / CONTRAST_TEMPERATURE
    expected = (F.cross_entropy(logits, torch.arange(4)) + F.cross_entropy(logits.T, torch.arange(4))) / 2
    fresh = torch.full((4,), -1)
    assert float(contrast_loss(references, photos, fresh)) == pytest.approx(float(expected), rel=1e-5)


def test_the_hold_is_nothing_at_the_target_whatever_its_length_and_two_where_it_is_the_opposite() -> None:
    held = torch.randn(2, 8, generator=torch.Generator().manual_seed(3))
    assert float(hold_loss(torch.cat([held, held * 3]), held)) == pytest.approx(0, abs=1e-5)
    assert float(hold_loss(torch.cat([held, -held]), held)) == pytest.approx(1, abs=1e-5)


def test_a_piece_of_an_image_in_the_same_batch_is_no_stranger_to_it() -> None:
    references = photos = _unit(1, seed=1).repeat(2, 1)
    apart = contrast_loss(references, photos, torch.tensor([7, 8]))
    akin = contrast_loss(references, photos, torch.tensor([7, 7]))
    assert float(apart) == pytest.approx(math.log(2), rel=1e-4)
    assert float(akin) == pytest.approx(0, abs=1e-4)
