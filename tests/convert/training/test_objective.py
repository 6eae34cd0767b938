"""The two losses do what their formulas say, and the memory does not punish a thing for being itself."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from edge_identify.convert.training.objective import CONTRAST_TEMPERATURE, Memory, contrast_loss, kind_loss


def _unit(rows: int, dim: int = 8, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed)), dim=1)


def _memory(size: int = 6, dim: int = 8) -> Memory:
    return Memory(size, dim, torch.device("cpu"))


def test_without_memory_the_contrast_is_the_cross_entropy_of_the_batch() -> None:
    references, photos = _unit(4, seed=1), _unit(4, seed=2)
    logits = photos @ references.T / CONTRAST_TEMPERATURE
    expected = (F.cross_entropy(logits, torch.arange(4)) + F.cross_entropy(logits.T, torch.arange(4))) / 2
    fresh = torch.full((4,), -1)
    assert float(contrast_loss(references, photos, fresh, _memory())) == pytest.approx(float(expected), rel=1e-5)


def test_a_remembered_stranger_counts_and_a_remembered_view_of_the_same_thing_does_not() -> None:
    references = photos = _unit(2, seed=1)
    known = torch.tensor([7, 8])
    empty = float(contrast_loss(references, photos, known, _memory()))
    same, stranger = _memory(), _memory()
    same.add(references, photos, known)
    stranger.add(references, photos, torch.tensor([1, 2]))
    assert float(contrast_loss(references, photos, known, same)) == pytest.approx(empty, rel=1e-5)
    assert float(contrast_loss(references, photos, known, stranger)) == pytest.approx(math.log(2), rel=0.1)


def test_fresh_things_are_strangers_to_all_that_was_fresh() -> None:
    references = photos = _unit(2, seed=1)
    fresh = torch.tensor([-1, -1])
    memory = _memory()
    memory.add(references, photos, fresh)
    assert float(contrast_loss(references, photos, fresh, memory)) > 0.5


def test_the_memory_drops_the_oldest() -> None:
    memory = _memory(size=4)
    for number in range(3):
        memory.add(_unit(2, seed=number), _unit(2, seed=number), torch.tensor([2 * number, 2 * number + 1]))
    assert sorted(memory.pictures.tolist()) == [2, 3, 4, 5]


def test_the_kind_loss_is_small_at_the_target_and_ignores_things_without_one() -> None:
    targets = _unit(40, seed=3)
    known = torch.tensor([5, 9, -1])
    generator = torch.Generator()
    right = kind_loss(torch.cat([targets[[5, 9]], _unit(1)]), known, targets, generator.manual_seed(0))
    other = kind_loss(torch.cat([targets[[5, 9]], _unit(1, seed=9)]), known, targets, generator.manual_seed(0))
    wrong = kind_loss(torch.cat([targets[[9, 5]], _unit(1)]), known, targets, generator.manual_seed(0))
    assert float(right) == float(other)
    assert float(wrong) > float(right) + 1


def test_a_piece_of_a_picture_in_the_same_batch_is_no_stranger_to_it() -> None:
    references = photos = _unit(1, seed=1).repeat(2, 1)
    apart = contrast_loss(references, photos, torch.tensor([7, 8]), _memory())
    akin = contrast_loss(references, photos, torch.tensor([7, 7]), _memory())
    assert float(apart) == pytest.approx(math.log(2), rel=1e-4)
    assert float(akin) == pytest.approx(0, abs=1e-4)
