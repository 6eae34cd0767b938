"""Binary codes of a pack's index: written for large packs, and kept if their recall suffices.

The recall of binary codes depends on the encoder: 64 dimensions are too few, and the embeddings of an untrained encoder
hardly differ. So it is measured on the pack itself, with simulated photos of its references. The truth is the scan of
the whole index.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.packing.pack_index import stored_vectors
from edge_identify.edge_runtime.pack.binary_codes_file import write_binary_codes_file
from edge_identify.edge_runtime.pack.index_file import IndexRows, map_index_file
from edge_identify.edge_runtime.pack.manifest import BinaryCodesSpec, IndexSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.search.vector_search import Neighbours

# Milliseconds of a query with numpy, without and with binary codes, 512 dimensions: 10,000 vectors 1.5 and .3, 20,000
# 4.6 and .6, 50,000 14 and 1.2, 100,000 24 and 1.5. The codes add an eighth to the index; from here they save 4 ms.
BINARY_CODES_FROM = 20_000
LEAST_RECALL = 0.99  # recall@10; the requirement for any approximate search
_K = 10
_ROUNDING = 2e-6  # the two searches sum in another order; scores this close are equal


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryCodesOutcome:
    """The result of adding binary codes to a pack.

    Attributes:
        spec: The manifest's entry; None if the pack has no binary codes.
        left_out_because: Why a large pack has none; None if it has them, or if the pack is too small for them.
    """

    spec: BinaryCodesSpec | None
    left_out_because: str | None


def add_binary_codes(
    folder: Path, index: IndexSpec, file: str, embed_photos: Callable[[], NDArray[np.float32]]
) -> BinaryCodesOutcome:
    """Write the binary codes of an index into the pack's folder; remove them if their recall@10 is too low.

    Args:
        folder: Folder of the pack that is being built.
        index: The index in that folder.
        file: Path of the codes in the pack.
        embed_photos: Returns embeddings of photos of some references, float32 [n, dim], by the encoder that embedded
            the references. Only called if the pack is large enough.
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
        f"binary codes: a search with them finds {recall:.4f} of the {_K} nearest images of {len(photos)} simulated "
        f"photos, below {LEAST_RECALL}; the pack is complete, and devices search the whole index"
    )
    return BinaryCodesOutcome(spec=None, left_out_because=why)


def write_binary_codes(path: Path, rows: IndexRows) -> None:
    """Write the binary codes of an index's stored vectors: the signs of their components, relative to the mean."""
    # Of the stored vectors, not of the originals: then equal stored vectors have equal binary codes.
    count = len(rows.ids)
    total = np.zeros(len(rows.offset), np.float64)
    for piece in stored_vectors(rows):
        total += piece.sum(axis=0, dtype=np.float64)
    write_binary_codes_file(path, (total / count).astype(np.float32), count, stored_vectors(rows))


def _recall(index_path: Path, codes_path: Path, index: IndexSpec, photos: NDArray[np.float32]) -> float:
    from edge_identify.edge_runtime.search.binary_codes import BinaryCodeSearch
    from edge_identify.edge_runtime.search.vector_search import FaissSearch

    truth = FaissSearch(index_path, index).nearest(photos, _K)
    found = BinaryCodeSearch(index_path, codes_path, index, many=True).nearest(photos, _K)
    return share_found(found, truth)


def share_found(found: Neighbours, truth: Neighbours) -> float:
    """Return the mean recall, 0 to 1, of a search; a vector that ties with the last true one counts.

    Args:
        found: Results of the search.
        truth: Results of the exact search for the same queries.
    """
    least = truth.scores[:, -1:] - _ROUNDING
    return float((found.scores >= least).mean())
