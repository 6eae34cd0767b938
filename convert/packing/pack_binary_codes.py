"""The signs of a pack's index: written where the pack is large enough to gain, kept where they lose nothing.

Whether signs find the nearest vectors depends on the encoder: 64 dimensions are too few, and the embeddings of an
untrained encoder hardly differ. So it is measured on the pack itself, with simulated photos of its own references.
The truth is what a device finds without the signs: the scan of the whole index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.edge_runtime.pack.binary_codes_file import write_binary_codes_file
from edge_identify.edge_runtime.pack.index_file import IndexRows, map_index_file
from edge_identify.edge_runtime.pack.manifest import BinaryCodesSpec, IndexSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.search.vector_search import Neighbours

# Milliseconds of a single question by numpy, without and with signs, 512 dimensions: 10,000 vectors 1.5 and .3,
# 20,000 4.6 and .6, 50,000 14 and 1.2, 100,000 24 and 1.5. Signs add an eighth to the index; from here it buys four.
BINARY_CODES_FROM = 20_000
LEAST_RECALL = 0.99  # of the ten nearest; what is asked of any search that is not exhaustive
_K = 10
_ROUNDING = 2e-6  # the two searches add in another order: scores this close are the same
_PIECE_ROWS = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryCodesOutcome:
    """What became of a pack's signs.

    Attributes:
        spec: The entry of the manifest; None where they were left out.
        left_out_because: In words; None where they are there, or where the pack is too small to gain.
    """

    spec: BinaryCodesSpec | None
    left_out_because: str | None


def add_binary_codes(
    folder: Path, index: IndexSpec, file: str, embed_photos: Callable[[], NDArray[np.float32]]
) -> BinaryCodesOutcome:
    """Write the signs of an index into the pack's folder, and take them away again if they lose too much.

    Args:
        folder: The pack's folder, in the making.
        index: The index that lies in it.
        file: Path of the signs in the pack.
        embed_photos: Returns embeddings of photos of some references, float32 [n, dim], by the encoder that made the
            index; only called where the pack is large enough.
    """
    if index.count < BINARY_CODES_FROM:
        return BinaryCodesOutcome(spec=None, left_out_because=None)
    write_binary_codes(folder / file, map_index_file(folder / index.file, index))
    photos = embed_photos()
    recall = _recall(folder / index.file, folder / file, index, photos)
    if recall >= LEAST_RECALL:
        return BinaryCodesOutcome(spec=BinaryCodesSpec(file=file, recall_at_10=round(recall, 4)), left_out_because=None)
    (folder / file).unlink()
    why = (
        f"signs of the index: a search by them finds {recall:.4f} of the {_K} nearest pictures of {len(photos)} "
        f"simulated photos, below {LEAST_RECALL}; the pack is complete, and searched in full"
    )
    return BinaryCodesOutcome(spec=None, left_out_because=why)


def write_binary_codes(path: Path, rows: IndexRows) -> None:
    """Write the signs of an index's stored vectors, relative to their mean."""
    # Of the stored vectors, not of the originals: equal codes have equal signs, so ties are never torn apart.
    count = len(rows.ids)
    total = np.zeros(len(rows.offset), np.float64)
    for piece in _pieces(rows):
        total += piece.sum(axis=0, dtype=np.float64)
    write_binary_codes_file(path, (total / count).astype(np.float32), count, _pieces(rows))


def _pieces(rows: IndexRows) -> Iterator[NDArray[np.float32]]:
    for at in range(0, len(rows.codes), _PIECE_ROWS):
        yield rows.codes[at : at + _PIECE_ROWS] * rows.scale + rows.offset


def _recall(index_path: Path, codes_path: Path, index: IndexSpec, photos: NDArray[np.float32]) -> float:
    from edge_identify.edge_runtime.search.binary_codes import BinaryCodeSearch
    from edge_identify.edge_runtime.search.vector_search import FaissSearch

    truth = FaissSearch(index_path, index).nearest(photos, _K)
    found = BinaryCodeSearch(index_path, codes_path, index, many=True).nearest(photos, _K)
    return share_found(found, truth)


def share_found(found: Neighbours, truth: Neighbours) -> float:
    """Return the mean share, 0 to 1, of the nearest vectors that were found; one that scores the same counts."""
    least = truth.scores[:, -1:] - _ROUNDING
    return float((found.scores >= least).mean())
