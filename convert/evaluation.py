"""Measuring a pack with photos whose answer is known: recall at 1 and at 5, and decisions, for all and by group.

The photos go the same way as a user's: the pack's own exported encoder, preprocessing and index. Photos of things
that are not in the pack (an empty id) have no right answer to recall; they are counted apart.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.decision_figures import Ruling, decision_figures
from edge_identify.convert.packing.pictures import BATCH_SIZE, LeftOut
from edge_identify.edge_runtime.errors import PhotoError, SetupError
from edge_identify.edge_runtime.identification import Identifier
from edge_identify.edge_runtime.pack.reader import Pack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.deciding.decision import Verdict

DEPTHS = (1, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A photo whose answer is known.

    Attributes:
        photo: Its file.
        reference_id: What it shows; empty for something that is not in the pack.
        columns: All columns of its row, for grouping.
    """

    photo: Path
    reference_id: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the pack said of a query.

    Attributes:
        query: The question.
        rank: Position of the right reference among the answers, from 1; None if it is not among them.
        best_score: Similarity of the first answer.
        verdict: What was decided; None where the pack is not calibrated.
    """

    query: Query
    rank: int | None
    best_score: float
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All outcomes, and the photos that could not be used."""

    outcomes: tuple[Outcome, ...]
    left_out: tuple[LeftOut, ...]


Progress = Callable[[Sequence[Query]], Iterable[Query]]


def read_queries(path: Path) -> list[Query]:
    """Read a table of queries: CSV with a header; `query` (a path, relative to the table) and `id`, and any others.

    Raises:
        SetupError: No such file, not CSV, or a column is missing.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, restkey="", restval=""))
    except OSError as error:
        raise SetupError(f"{path}: cannot be read ({error.strerror}); give a CSV with the columns query,id") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SetupError(f"{path}: is not a CSV table in UTF-8 ({error})") from error
    if not rows:
        raise SetupError(f"{path}: holds no queries; a row is a photo's path and the id of what it shows")
    if missing := [name for name in ("query", "id") if name not in rows[0]]:
        raise SetupError(f"{path}: has no column {missing[0]!r}; found {', '.join(rows[0])}")
    return [Query(photo=path.parent / row["query"], reference_id=row["id"].strip(), columns=row) for row in rows]


def check_known_ids(queries: Sequence[Query], known: Iterable[str], *, where: str) -> None:
    """Refuse queries about references that the pack does not have: a typing mistake would pass for a wrong answer.

    Raises:
        SetupError: Names the first such id and how many there are.
    """
    known = set(known)
    unknown = sorted({query.reference_id for query in queries if query.reference_id} - known)
    if unknown:
        raise SetupError(
            f"{where}: {len(unknown)} ids are not in the pack, such as {unknown[0]!r}; "
            "leave the id empty for things not in it"
        )


def check_group_column(queries: Sequence[Query], column: str, *, where: str) -> None:
    """Refuse a grouping column that the table does not have.

    Raises:
        SetupError: Names the columns that there are.
    """
    if column not in queries[0].columns:
        raise SetupError(f"{where}: has no column {column!r} to group by; found {', '.join(queries[0].columns)}")


def evaluate_pack(pack: Pack, queries: Sequence[Query], *, progress: Progress) -> Evaluation:
    """Ask a pack all queries.

    Args:
        pack: An open pack.
        queries: Photos whose answer is known.
        progress: Wraps the queries to show how far the run is.
    """
    left_out: list[LeftOut] = []
    outcomes: list[Outcome] = []
    with Identifier(pack, many=True) as identifier:
        for batch in _batches(identifier, progress(queries), left_out):
            outcomes.extend(_ask(identifier, batch))
    return Evaluation(outcomes=tuple(outcomes), left_out=tuple(left_out))


def summarise(outcomes: Sequence[Outcome], *, group_by: str | None = None) -> dict[str, Any]:
    """Return the figures: {"all": {"queries", "recall@1", "recall@5", "not_in_pack"}, "groups": {NAME: {...}}}.

    Where the pack is calibrated, each has `decisions` too, as `decision_figures` describes them.
    """
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes if group_by is not None else ():
        groups.setdefault(outcome.query.columns[str(group_by)], []).append(outcome)
    return {
        "all": _figures(outcomes),
        "groups": {name: _figures(members) for name, members in sorted(groups.items())},
    }


def _figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    known = [outcome for outcome in outcomes if outcome.query.reference_id]
    figures: dict[str, Any] = {"queries": len(known)}
    for depth in DEPTHS:
        hits = sum(outcome.rank is not None and outcome.rank <= depth for outcome in known)
        figures[f"recall@{depth}"] = round(hits / len(known), 4) if known else None
    figures["not_in_pack"] = len(outcomes) - len(known)
    if rulings := [_ruling(outcome, outcome.verdict) for outcome in outcomes if outcome.verdict is not None]:
        figures["decisions"] = decision_figures(rulings)
    return figures


def _ruling(outcome: Outcome, verdict: Verdict) -> Ruling:
    return Ruling(
        verdict=verdict,
        score=outcome.best_score,
        is_known=bool(outcome.query.reference_id),
        is_right=outcome.rank == 1,
    )


_Prepared = tuple[list[Query], "NDArray[np.uint8]"]


def _batches(identifier: Identifier, queries: Iterable[Query], left_out: list[LeftOut]) -> Iterator[_Prepared]:
    import numpy as np

    waiting: list[Query] = []
    pixels: list[NDArray[np.uint8]] = []
    for query in queries:
        try:
            pixels.append(identifier.photo_pixels(query.photo))
            waiting.append(query)
        except PhotoError as error:
            left_out.append(LeftOut(path=query.photo, reason=str(error)))
        if len(waiting) == BATCH_SIZE:
            yield waiting, np.stack(pixels)
            waiting, pixels = [], []
    if waiting:
        yield waiting, np.stack(pixels)


def _ask(identifier: Identifier, batch: _Prepared) -> Iterator[Outcome]:
    queries, pixels = batch
    for query, found in zip(queries, identifier.identify_pixels(pixels, top_k=max(DEPTHS)), strict=True):
        rank = next((match.rank for match in found.matches if match.reference.id == query.reference_id), None)
        yield Outcome(query=query, rank=rank, best_score=found.matches[0].score, verdict=found.verdict)
