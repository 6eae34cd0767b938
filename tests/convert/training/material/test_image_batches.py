"""Batches: each a function of its number, with whole families, numbers that hold, and no transparent photographs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from typefaces import write_typeface

from edge_identify.convert.training.material.image_batches import (
    PIECES_PER_PHOTOGRAPH,
    Batch,
    Chosen,
    ImageBatches,
    KnownThings,
    Stage,
    photograph,
)
from edge_identify.datasets.drawn.instances import SIDE_PX

SIZE = 20
STAGES = [Stage(side_px=40, difficulty=0.2), Stage(side_px=64, difficulty=1.0)]


@pytest.fixture(scope="module")
def known() -> KnownThings:
    rng = np.random.default_rng(0)
    shapes = [(SIDE_PX, 96, 3), (108, SIDE_PX, 3), (SIDE_PX, SIDE_PX, 3)]
    images: tuple[NDArray[np.uint8], ...] = tuple(
        rng.integers(0, 256, shapes[number % 3], dtype=np.uint8) for number in range(12)
    )
    return KnownThings(photographs=images, seed=1)


def _batch(known: KnownThings, step: int, seed: int = 0) -> Batch:
    batch = ImageBatches(known, size=SIZE, seed=seed, stages=STAGES)[step]
    assert isinstance(batch, Batch)
    return batch


def test_a_batch_has_the_size_of_its_stage_and_repeats(known: KnownThings) -> None:
    for step, side_px in enumerate((40, 64)):
        batch = _batch(known, step)
        assert batch.references.shape == batch.photos.shape == (SIZE, 3, side_px, side_px)
        assert torch.equal(batch.photos, _batch(known, step).photos)
    assert not torch.equal(_batch(known, 0).references, _batch(known, 0, seed=1).references)


def test_what_is_photographed_later_is_the_same_as_at_once(known: KnownThings) -> None:
    chosen = ImageBatches(known, size=SIZE, seed=0, stages=STAGES, photographed=False)[1]
    assert isinstance(chosen, Chosen)
    later, at_once = photograph(chosen, torch.device("cpu")), _batch(known, 1)
    assert torch.equal(later.photos, at_once.photos)
    assert torch.equal(later.references, at_once.references)


def test_a_batch_mixes_known_and_fresh_things_and_names_each_known_one_once(known: KnownThings) -> None:
    numbers = _batch(known, 1).known
    some = numbers[numbers >= 0].tolist()
    assert 0 < len(some) < SIZE
    assert len(set(some)) == len(some)
    assert max(some) < len(known)


def test_a_piece_names_the_photograph_that_it_is_of(known: KnownThings) -> None:
    batch = _batch(known, 1)
    for number, image in zip(batch.known.tolist(), batch.pictures.tolist(), strict=True):
        assert image == (number % 12 if number >= 0 else -1)


def test_with_typefaces_some_packages_are_solid_and_seen_from_another_side(known: KnownThings, tmp_path: Path) -> None:
    printed = replace(known, typefaces=(str(write_typeface(tmp_path / "one.ttf")),))
    made = ImageBatches(printed, size=SIZE, seed=3, stages=STAGES, photographed=False)
    chosen = [made[step] for step in range(2)]
    solid = torch.cat([each.is_solid for each in chosen if isinstance(each, Chosen)])
    differs = torch.cat([(each.rgba != each.seen).flatten(1).any(1) for each in chosen if isinstance(each, Chosen)])
    packages = torch.cat([each.is_package for each in chosen if isinstance(each, Chosen)])
    assert solid.any()
    assert torch.equal(solid, differs)
    assert packages[solid].all()


def test_known_things_are_counted_and_pieces_repeat(known: KnownThings) -> None:
    assert len(known) == 12 * (1 + PIECES_PER_PHOTOGRAPH)
    for number in (0, 12, len(known) - 1):
        assert known.picture(number).shape == (SIDE_PX, SIDE_PX, 4)
        assert np.array_equal(known.picture(number), known.picture(number))


def test_a_photograph_is_opaque_where_it_is_and_transparent_beside_it(known: KnownThings) -> None:
    alpha = known.picture(0)[..., 3]
    assert (alpha > 0).sum() == SIDE_PX * 96
    assert (alpha[:, : (SIDE_PX - 96) // 2] == 0).all()
