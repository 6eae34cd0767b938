"""Recall on real photos of catalogued things: GroceryStoreDataset and street mosaics, laid out as two CSV tables.

Each set is a folder with `references.csv` (path, id, ...) and `queries.csv` (query, id, and a column to group by; an
empty id is something that is not among the references). Photos that cannot be read
are counted: without them, a set of easy photos would remain.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from compared_encoders import ImageEncoder
from outcome_figures import auroc, best_scores, recall_by_group

from edge_identify.convert.evaluating.evaluation import (
    DEPTHS,
    Outcome,
    Query,
    check_group_column,
    check_known_ids,
    evaluate_pack,
    read_queries,
)
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.images import open_image

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.edge_runtime.pack.pack_reader import Pack

_CHUNK = 256  # pictures that are held decoded at once


@dataclass(frozen=True, slots=True, kw_only=True)
class RealSet:
    """A set of references and real photos.

    Attributes:
        name: Its folder.
        group_by: The queries' column whose values are reported apart.
        known_group: The group from whose photos those of unknown things must be told; None where all are known.
        unknown_group: The group of photos of unknown things; their id is empty.
    """

    name: str
    group_by: str
    known_group: str | None = None
    unknown_group: str | None = None


REAL_SETS = (
    RealSet(name="grocery", group_by="kind"),
    RealSet(name="invaders", group_by="tier", known_group="independent_strict", unknown_group="out_of_index"),
)


def missing_part(folder: Path) -> str | None:
    """Return why a set cannot be measured; None if both tables are there."""
    missing = [name for name in ("references.csv", "queries.csv") if not (folder / name).is_file()]
    return f"{folder / missing[0]}: no such file" if missing else None


def measure_pack(pack: Pack, real: RealSet, folder: Path) -> dict[str, Any]:
    """Return a pack's figures on a set, by the way that a user's photos go.

    Raises:
        SetupError: The table of queries is malformed or names references that the pack does not have.
    """
    from edge_identify.convert.progress import shown_progress
    from edge_identify.edge_runtime.pack.references import ReferenceTable

    queries = _checked_queries(real, folder)
    with ReferenceTable(pack.file(pack.manifest.references_file)) as references:
        check_known_ids(queries, references.ids(), where=str(folder / "queries.csv"))
    result = evaluate_pack(pack, queries, progress=shown_progress)
    for left_out in result.left_out:
        print(f"skipped: {left_out.reason}", file=sys.stderr)
    return _figures(real, pack.manifest.reference_count, result.outcomes, len(result.left_out))


def measure_encoder(encoder: ImageEncoder, real: RealSet, folder: Path) -> dict[str, Any]:
    """Return another encoder's figures on a set, by comparing each photo with all references in plain numpy."""
    queries = _checked_queries(real, folder)
    ids, paths = _read_references(folder)
    check_known_ids(queries, ids, where=str(folder / "queries.csv"))
    known, usable_references = _embed_files(encoder, paths)
    asked, usable_queries = _embed_files(encoder, [query.photo for query in queries])
    outcomes = nearest_outcomes(
        [queries[at] for at in usable_queries], asked, [ids[at] for at in usable_references], known
    )
    return _figures(real, len(set(ids)), outcomes, len(queries) - len(usable_queries))


def nearest_outcomes(
    queries: Sequence[Query], asked: NDArray[np.float32], ids: Sequence[str], known: NDArray[np.float32]
) -> list[Outcome]:
    """Rank all references for each query by cosine; a reference counts with its nearest picture.

    Args:
        queries: The questions.
        asked: Their unit vectors, float32 [n, dim].
        ids: The reference that each picture shows.
        known: The pictures' unit vectors, float32 [m, dim].
    """
    names, owners = np.unique(np.asarray(ids), return_inverse=True)
    scores = np.full((len(names), len(queries)), -np.inf, dtype=np.float32)
    np.maximum.at(scores, owners, known @ asked.T)
    outcomes = []
    for query, column in zip(queries, scores.T, strict=True):
        nearest = names[np.argsort(-column, kind="stable")[: max(DEPTHS)]].tolist()
        rank = nearest.index(query.reference_id) + 1 if query.reference_id in nearest else None
        outcomes.append(Outcome(query=query, rank=rank, best_score=float(column.max())))
    return outcomes


def _checked_queries(real: RealSet, folder: Path) -> list[Query]:
    path = folder / "queries.csv"
    queries = read_queries(path)
    check_group_column(queries, real.group_by, where=str(path))
    return queries


def _read_references(folder: Path) -> tuple[list[str], list[Path]]:
    with (folder / "references.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    return [row["id"].strip() for row in rows], [folder / row["path"] for row in rows]


def _embed_files(encoder: ImageEncoder, paths: Sequence[Path]) -> tuple[NDArray[np.float32], list[int]]:
    """Return unit vectors of the pictures that can be read, and their positions among `paths`."""
    embeddings, usable = [], []
    for at in range(0, len(paths), _CHUNK):
        images: list[Image] = []
        for position, path in enumerate(paths[at : at + _CHUNK], start=at):
            try:
                images.append(open_image(path))
                usable.append(position)
            except PhotoError as error:
                print(f"skipped: {error}", file=sys.stderr)
        if images:
            embeddings.append(encoder.embed(images))
    return np.concatenate(embeddings), usable


def _figures(real: RealSet, references: int, outcomes: Sequence[Outcome], left_out: int) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "references": references,
        "photos_left_out": left_out,
        "groups": recall_by_group(outcomes, real.group_by),
    }
    if real.known_group is not None and real.unknown_group is not None:
        known = best_scores(outcomes, real.group_by, real.known_group)
        unknown = best_scores(outcomes, real.group_by, real.unknown_group)
        figures["unknown_photos"] = len(unknown)
        figures["unknown_auroc"] = round(auroc(known, unknown), 4) if known and unknown else None
    return figures
