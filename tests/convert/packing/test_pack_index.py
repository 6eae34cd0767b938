"""The index: a kept quantiser leaves the rows of earlier versions as they were, unless it fits some reference badly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_identify.convert.packing.pack_index import FLAT_BELOW, MOST_DISTANCE, Quantiser, WrittenIndex, write_index
from edge_identify.edge_runtime.pack.index_file import IndexRows, map_index_file
from edge_identify.edge_runtime.pack.manifest import IndexKind, IndexSpec
from edge_identify.edge_runtime.sync.update_file import make_patch
from tests.support.drawn_vectors import clustered

DIM = 16
VECTORS = clustered(FLAT_BELOW + 60, DIM, per_cluster=20, spread=0.5)
FIRST = VECTORS[:FLAT_BELOW]


def written(path: Path, vectors: np.ndarray, kept: Quantiser | None = None) -> WrittenIndex:
    return write_index(path, vectors, np.arange(len(vectors), dtype=np.int64), kept=kept)


def rows_of(path: Path, index: WrittenIndex, count: int) -> IndexRows:
    spec = IndexSpec(
        file=path.name, kind=index.kind, dim=DIM, count=count, embedded_with="x", most_images_per_reference=1
    )
    return map_index_file(path, spec)


def made(path: Path, vectors: np.ndarray) -> Quantiser:
    quantiser = written(path, vectors).new_quantiser
    assert quantiser is not None
    return quantiser


def test_with_the_quantiser_of_the_version_before_old_rows_keep_their_bytes(tmp_path: Path) -> None:
    kept = Quantiser.from_bytes(made(tmp_path / "old", FIRST).to_bytes())
    old = rows_of(tmp_path / "old", written(tmp_path / "old", FIRST), len(FIRST))

    index = written(tmp_path / "new", VECTORS, kept)

    new = rows_of(tmp_path / "new", index, len(VECTORS))
    assert (index.kind, index.new_quantiser, index.far_references) == (IndexKind.SQ8, None, 0)
    assert np.array_equal(new.codes[: len(FIRST)], old.codes)
    assert np.array_equal(new.offset, old.offset)
    patch = make_patch((tmp_path / "old").read_bytes(), (tmp_path / "new").read_bytes())
    assert len(patch) < (len(VECTORS) - len(FIRST)) * (DIM + 8)  # the new rows and their ids alone


def test_the_stated_distance_is_that_of_the_stored_vector(tmp_path: Path) -> None:
    kept = made(tmp_path / "old", FIRST)
    index = written(tmp_path / "new", VECTORS, kept)
    rows = rows_of(tmp_path / "new", index, len(VECTORS))
    stored = rows.codes * rows.scale + rows.offset
    assert kept.distances(VECTORS) == pytest.approx(np.linalg.norm(stored - VECTORS, axis=1), abs=1e-5)


def test_a_reference_far_outside_the_ranges_makes_a_new_quantiser(tmp_path: Path) -> None:
    kept = made(tmp_path / "old", FIRST)
    stranger = np.eye(1, DIM, dtype=np.float32)
    assert kept.distances(stranger)[0] > MOST_DISTANCE

    grown = np.concatenate([FIRST, stranger])
    index = written(tmp_path / "new", grown, kept)

    assert index.far_references == 1
    assert index.new_quantiser is not None
    assert index.new_quantiser.distances(grown).max() < MOST_DISTANCE
    assert (tmp_path / "new").read_bytes() != (tmp_path / "old").read_bytes()


def test_a_small_index_is_flat_and_needs_no_quantiser(tmp_path: Path) -> None:
    index = written(tmp_path / "flat", FIRST[:9], made(tmp_path / "old", FIRST))
    assert (index.kind, index.new_quantiser, index.far_references) == (IndexKind.FLAT, None, 0)
