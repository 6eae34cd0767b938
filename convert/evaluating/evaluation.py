"""Runs a pack on photos whose answer is known; `evaluation_figures` computes figures from the outcomes.

The photos take the same path as a user's photo: the pack's exported encoder, preprocessing and index, and the photo's
position unless positions are switched off. Photos of things that are not in the pack have an empty id. They have no
right answer, do not count for recall, and are counted separately.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PureWindowsPath
from time import perf_counter
from typing import TYPE_CHECKING

from edge_identify.convert.export.compute_device import BATCH_SIZE
from edge_identify.convert.progress import Counted, Progress
from edge_identify.datasets.catalogue.skipped_image import SkippedImage
from edge_identify.datasets.sources.rows.row_facts import RowError, given
from edge_identify.datasets.sources.rows.table_rows import TableRow, read_delimited
from edge_identify.datasets.sources.rows.written_paths import WrittenPaths
from edge_identify.edge_runtime.errors import PhotoError, SetupError
from edge_identify.edge_runtime.io.composed_text import composed
from edge_identify.edge_runtime.io.counted import counted, plural
from edge_identify.edge_runtime.pack.pack_reader import Pack
from edge_identify.edge_runtime.photos.prepared_photos import PreparedPhoto, prepare_photo
from edge_identify.edge_runtime.search.geometry.cascade import GeometryCascade, GeometryMode
from edge_identify.edge_runtime.search.identifier import Identifier

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification
    from edge_identify.edge_runtime.decisions.decision import Verdict
    from edge_identify.edge_runtime.photos.prepared_photos import PositionOf

DEPTHS = (1, 5)
_QUERY_COLUMNS = ("query", "id")
_MOST_NAMED = 5  # unknown ids in one message; more usually have the same cause
_MOST_NEAREST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A photo whose answer is known.

    Attributes:
        photo: Path of the file.
        reference_id: Id of the reference that it shows; empty for something that is not in the pack.
        columns: All cells of its row by column, for grouping.
        problem: Why it cannot be asked, in one line; None if it can.
    """

    photo: Path
    reference_id: str
    columns: Mapping[str, str]
    problem: str | None = None

    @property
    def name(self) -> str:
        """The photo as the table names it; of an absolute path only the file name, since folders may be private."""
        given = self.columns.get("query", self.photo.name)
        return PureWindowsPath(given).name if PureWindowsPath(given).anchor else given


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The pack's answer to a query.

    Attributes:
        query: The query.
        rank: Rank of the right reference among the matches, from 1; None if it is not among them.
        best_score: Cosine similarity of the first match. With geometry, the first match may not have the best score.
        verdict: The decision; None if the pack is not calibrated.
        nearest_ids: Ids of the matches, best first, at most five.
        look_alike_ids: Ids of the look-alikes of an ambiguous answer.
        prepare_ms: Wall time of reading, decoding and resizing the photo; None if it was not measured.
        has_position: Whether the photo's position was used.
    """

    query: Query
    rank: int | None
    best_score: float
    verdict: Verdict | None = None
    nearest_ids: tuple[str, ...] = ()
    look_alike_ids: tuple[str, ...] = ()
    prepare_ms: float | None = None
    has_position: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The pack's answers to all queries.

    Attributes:
        outcomes: Outcomes of the photos that could be used, in their order.
        left_out: The photos that could not be used.
        answer_ms: Mean wall time per photo, in batches, of encoding, searching, deciding and geometry; None without
            photos.
        with_positions: Whether the photos' positions were used.
    """

    outcomes: tuple[Outcome, ...]
    left_out: tuple[SkippedImage, ...]
    answer_ms: float | None = None
    with_positions: bool = False


def read_queries(path: Path) -> list[Query]:
    """Read a table of queries: UTF-8 or UTF-16 with a header; commas, semicolons or tabs separate the columns.

    The columns are `query` (a path, relative to the table), `id` (empty for things not in the pack), and any others.
    A row without a photo or without a cell for its id is a query with a problem.

    Raises:
        SetupError: The file cannot be read, is no table or is empty, or a column is missing.
    """
    table = read_delimited(path, _known_columns)
    columns = {name.lower(): name for name in reversed(table.columns)} | {name: name for name in table.columns}
    if table.columns and (missing := [name for name in _QUERY_COLUMNS if name not in columns]):
        raise SetupError(f"{path}: has no column {missing[0]!r}; found {', '.join(table.columns)}")
    if not table.rows:
        raise SetupError(f"{path}: holds no queries; a row is a photo's path and the id of what it shows")
    names = {columns[name]: name for name in _QUERY_COLUMNS}
    id_at = table.cell_at[columns["id"]]
    paths = WrittenPaths(path.parent)
    return [
        _query(path, row, {names.get(name, name): row.values.get(name, "") for name in table.columns}, id_at, paths)
        for row in table.rows
    ]


def _known_columns(records: Sequence[Sequence[str]]) -> float:
    return sum(name.lower() in _QUERY_COLUMNS for name in records[0])


def _query(path: Path, row: TableRow, cells: Mapping[str, str], id_at: int, paths: WrittenPaths) -> Query:
    """Return the query of a row. Cells behind the last column are ignored; only cells behind the id may be missing."""
    try:
        if row.problem is not None and not cells["query"]:
            raise RowError(row.problem)
        if not given(cells["query"]):
            raise RowError("names no photo; write its path into the column query")
        if row.width <= id_at:
            raise RowError(
                f"({cells['query']}) has no cell for its id; end it with a separator if the thing is not in the pack"
            )
        found = paths.find(cells["query"])
    except RowError as error:
        return Query(photo=path, reference_id="", columns=cells, problem=f"{path}: line {row.number} {error}")
    as_written = path.parent / cells["query"]
    photo = as_written if os.path.lexists(as_written) else found.path
    return Query(photo=photo, reference_id=given(cells["id"]), columns=cells, problem=found.problem)


def check_known_ids(queries: Sequence[Query], known: Iterable[str], *, where: str) -> None:
    """Refuse queries whose id is not in the pack: a typing mistake would count as a wrong answer.

    Raises:
        SetupError: Some ids are not in `known`. The message names them, their number and the most similar known ids.
    """
    valid = sorted({composed(name) for name in known})
    unknown = sorted({query.reference_id for query in queries if query.reference_id} - set(valid))
    if unknown:
        named = "; ".join(_with_nearest(name, valid) for name in unknown[:_MOST_NAMED])
        more = f"; and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
        raise SetupError(
            f"{where}: {counted(len(unknown), 'id')} {plural(len(unknown), 'is', 'are')} not in the pack: {named}"
            f"{more}. Leave the id empty for things not in it"
        )


def _with_nearest(name: str, valid: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(name, valid, n=_MOST_NEAREST)
    return f"{name!r} (nearest: {', '.join(nearest)})" if nearest else repr(name)


def check_group_column(queries: Sequence[Query], column: str, *, where: str) -> None:
    """Refuse a grouping column that the table does not have.

    Raises:
        SetupError: The column is missing. The message names the columns of the table.
    """
    if column not in queries[0].columns:
        raise SetupError(f"{where}: has no column {column!r} to group by; found {', '.join(queries[0].columns)}")


def evaluate_pack(
    pack: Pack,
    queries: Sequence[Query],
    *,
    progress: Progress,
    geometry: GeometryMode = GeometryMode.AUTO,
    position_of: PositionOf | None = None,
) -> Evaluation:
    """Identify all queries with a pack.

    Photos that cannot be used are skipped and listed in `Evaluation.left_out`.

    Args:
        pack: An open pack.
        queries: Photos whose answer is known.
        progress: Shows the progress over the queries.
        geometry: When points are compared, as `edge-identify --verify-geometry`.
        position_of: Returns the position of a photo; None to use no positions.

    Raises:
        SetupError: Points are always to be compared, and the pack has nothing to compare with, or OpenCV is missing.
    """
    stopwatch = _Stopwatch()
    with ExitStack() as stack:
        identifier = stack.enter_context(Identifier(pack, many=True))
        cascade = stack.enter_context(GeometryCascade(pack, identifier.calibration, geometry))
        if geometry is GeometryMode.ALWAYS:
            cascade.verifier()  # says before the work if it cannot compare
        prepare = partial(prepare_photo, recipe=pack.manifest.preprocessing, position_of=position_of)
        found = _answers(identifier, prepare, queries, cascade, stopwatch)
        answers = list(progress("identifying photos", Counted(items=found, count=len(queries))))
    outcomes = tuple(each for each in answers if isinstance(each, Outcome))
    answer_ms = 1000 * stopwatch.seconds / len(outcomes) if outcomes else None
    return Evaluation(
        outcomes=outcomes,
        left_out=tuple(each for each in answers if isinstance(each, SkippedImage)),
        answer_ms=answer_ms,
        with_positions=position_of is not None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _PreparedQuery:
    query: Query
    photo: PreparedPhoto


@dataclass(slots=True)
class _Stopwatch:
    """Adds up the time of the answers, without that of reading the photos."""

    seconds: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        started = perf_counter()
        try:
            yield
        finally:
            self.seconds += perf_counter() - started


def _answers(
    identifier: Identifier,
    prepare: Callable[[Path], PreparedPhoto],
    queries: Sequence[Query],
    cascade: GeometryCascade,
    stopwatch: _Stopwatch,
) -> Iterator[Outcome | SkippedImage]:
    """Yield one answer per query, in their order: each as soon as it is known, so that progress can be shown."""
    for at in range(0, len(queries), BATCH_SIZE):
        ready = [_prepared(prepare, query) for query in queries[at : at + BATCH_SIZE]]
        photos = [each for each in ready if isinstance(each, _PreparedQuery)]
        with stopwatch.running():
            depth = cascade.match_count(max(DEPTHS))
            found = iter(identifier.identify_batch([each.photo for each in photos], top_k=depth) if photos else ())
        for each in ready:
            if isinstance(each, SkippedImage):
                yield each
                continue
            with stopwatch.running():
                answer = _verified(each, next(found), cascade)
            yield answer


def _prepared(prepare: Callable[[Path], PreparedPhoto], query: Query) -> _PreparedQuery | SkippedImage:
    try:
        if query.problem is not None:
            raise PhotoError(query.problem)
        return _PreparedQuery(query=query, photo=prepare(query.photo))
    except PhotoError as error:
        return SkippedImage(path=query.photo, reason=str(error))


def _verified(prepared: _PreparedQuery, found: Identification, cascade: GeometryCascade) -> Outcome | SkippedImage:
    try:
        return _outcome(prepared, cascade.verified([prepared.query.photo], found, top_k=max(DEPTHS)))
    except PhotoError as error:  # the file changed since it was prepared
        return SkippedImage(path=prepared.query.photo, reason=str(error))


def _outcome(prepared: _PreparedQuery, answer: Identification) -> Outcome:
    nearest = tuple(composed(match.reference.id) for match in answer.matches)
    wanted = prepared.query.reference_id
    alike = answer.look_alikes.references if answer.look_alikes else ()
    return Outcome(
        query=prepared.query,
        rank=nearest.index(wanted) + 1 if wanted in nearest else None,
        best_score=answer.matches[0].score,
        verdict=answer.verdict,
        nearest_ids=nearest,
        look_alike_ids=tuple(composed(reference.id) for reference in alike),
        prepare_ms=1000 * prepared.photo.seconds,
        has_position=prepared.photo.position is not None,
    )
