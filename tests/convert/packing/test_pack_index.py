"""The index of a pack: how near its vectors are to the embeddings, and how much memory it takes to write."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from drawn_vectors import clustered
from edge_identify.convert.packing.pack_index import stored_vectors, write_index
from edge_identify.edge_runtime.pack.index_file import map_index_file
from edge_identify.edge_runtime.pack.manifest import IndexKind, IndexSpec
from edge_identify.edge_runtime.terminal.peak_memory import peak_memory_bytes

_COUNT, _DIM = 60_000, 768
_WRITE = f"""
import sys
import faiss
import numpy as np
from pathlib import Path
from edge_identify.convert.packing.pack_index import write_index
vectors = np.zeros(({_COUNT}, {_DIM}), np.float32) + np.linspace(-1, 1, {_DIM}, dtype=np.float32)
if len(sys.argv) > 1:
    write_index(Path(sys.argv[1]), vectors, np.arange({_COUNT}))
"""


@pytest.mark.parametrize("count", [30, 400])
def test_stored_vectors_are_the_embeddings_within_half_a_step(tmp_path: Path, count: int) -> None:
    vectors = clustered(count, 24, seed=6)
    kind = write_index(tmp_path / "index.faiss", vectors, np.arange(count))
    spec = IndexSpec(
        file="index.faiss", kind=kind, dim=24, count=count, embedded_with="onnx-int8", most_images_per_reference=1
    )

    stored = np.concatenate(list(stored_vectors(map_index_file(tmp_path / "index.faiss", spec))))

    np.testing.assert_allclose(stored, vectors, atol=0 if kind is IndexKind.FLAT else 2 / 255)


@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is not reported on Windows")
def test_an_index_takes_no_second_copy_of_the_embeddings(tmp_path: Path) -> None:
    words = [sys.executable, "-c", _WRITE]
    before, after = peak_memory_bytes(words), peak_memory_bytes([*words, str(tmp_path / "index.faiss")])

    assert before is not None
    assert after is not None
    assert after - before < 1.2 * _COUNT * _DIM + 20e6, "the codes take a quarter of the embeddings' bytes"
