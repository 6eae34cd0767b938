"""The index: a kept quantiser leaves the rows of earlier versions as they were, unless it fits some reference badly."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from drawn_vectors import clustered
from edge_identify.convert.packing.pack_index import (
    FLAT_BELOW,
    MOST_DISTANCE,
    Quantiser,
    WrittenIndex,
    stored_vectors,
    write_index,
)
from edge_identify.edge_runtime.pack.index_file import IndexRows, map_index_file
from edge_identify.edge_runtime.pack.manifest import IndexKind, IndexSpec
from edge_identify.edge_runtime.sync.update_file import make_patch
from edge_identify.edge_runtime.terminal.peak_memory import peak_memory_bytes

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


@pytest.mark.parametrize("count", [30, len(VECTORS)])
def test_stored_vectors_are_the_embeddings_within_a_step(tmp_path: Path, count: int) -> None:
    index = written(tmp_path / "index", VECTORS[:count])

    stored = np.concatenate(list(stored_vectors(rows_of(tmp_path / "index", index, count))))

    np.testing.assert_allclose(stored, VECTORS[:count], atol=0 if index.kind is IndexKind.FLAT else 2 / 255)


_COUNT, _WIDE = 60_000, 768
_WRITE = f"""
import sys
import faiss
import numpy as np
from pathlib import Path
from edge_identify.convert.packing.embedding_rows import FileRows
from edge_identify.convert.packing.pack_index import write_index
folder = Path(sys.argv[1])
rows = FileRows({_COUNT}, {_WIDE}, folder)
vector = np.linspace(-1, 1, {_WIDE}, dtype=np.float32).tobytes()
for at in range({_COUNT}):
    rows.write(at, vector)
if len(sys.argv) > 2:
    write_index(folder / "index", rows.chosen(range({_COUNT})), np.arange({_COUNT}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is not reported on Windows")
def test_the_embeddings_of_a_large_index_are_never_in_memory_at_once(tmp_path: Path) -> None:
    words = [sys.executable, "-c", _WRITE, str(tmp_path)]
    before, after = peak_memory_bytes(words), peak_memory_bytes([*words, "index"])

    assert before is not None
    assert after is not None
    codes_bytes = _COUNT * _WIDE
    assert after - before < 3.5 * codes_bytes, "the embeddings alone are 4 times as large as the codes"
