"""From embeddings to answers: the index, the table of references, and the decision.

A newcomer would take the nearest rows for the nearest references. A reference may have several pictures and counts by
its best, a filter leaves some out, and a photo's position may put another one first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.decisions.decision import Verdict, decide
from edge_identify.edge_runtime.decisions.look_alikes import LookAlikes, compare_look_alikes
from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters
from edge_identify.edge_runtime.pack.references import ReferenceTable
from edge_identify.edge_runtime.search.ranked_references import Nearest, Question, fused, named_scores, question_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.decisions.calibration import Calibration
    from edge_identify.edge_runtime.decisions.place_evidence import PlaceEvidence
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.photos.position import Position
    from edge_identify.edge_runtime.search.place_lookup import Placed, Places
    from edge_identify.edge_runtime.search.vector_search import Neighbours, VectorSearch
from edge_identify.edge_runtime.answers.identification import Identification, Match, StageSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a pack makes of one embedding.

    Attributes:
        matches: Best first; at least one.
        verdict: What can be said of it; None where the pack is not calibrated for the variant in use.
        look_alikes: All that an ambiguous photo may show, shown among the matches or not; None otherwise.
        position: Where the photo was taken, used or not; None where that was not told.
    """

    matches: tuple[Match, ...]
    verdict: Verdict | None = None
    look_alikes: LookAlikes | None = None
    position: Position | None = None


class ReferenceFinder:
    """From embeddings to references: the index, and the table that says whose picture a vector is."""

    def __init__(
        self, pack: Pack, *, many: bool, calibration: Calibration | None = None, filters: Filters = NO_FILTERS
    ) -> None:
        """Open the index and the references, hashes checked first.

        Args:
            pack: An open pack.
            many: Whether many questions will come.
            calibration: Of what will make the embeddings; None decides nothing.
            filters: Which references may answer.

        Raises:
            SetupError: A filter names what the pack does not have, or nothing passes.
        """
        from edge_identify.edge_runtime.search.binary_codes import open_search

        self._pack, self._many = pack, many
        self._manifest = pack.manifest
        self._calibration = calibration
        self._filters = filters
        self._references = ReferenceTable(pack.file(pack.manifest.references_file))
        self._search: VectorSearch = open_search(pack, many=many, among=self._passing_ids())
        self._whole = open_search(pack, many=many) if filters and calibration else None

    def close(self) -> None:
        """Close the references file."""
        self._references.close()

    def narrowed(self, filters: Filters) -> ReferenceFinder:
        """Return a finder of its own, to be closed, that lets other references answer.

        Raises:
            SetupError: A filter names what the pack does not have, or nothing passes.
        """
        return ReferenceFinder(self._pack, many=self._many, calibration=self._calibration, filters=filters)

    def answers(
        self,
        embeddings: NDArray[np.float32],
        top_k: int,
        variant_name: str,
        spent: Sequence[StageSeconds],
        positions: Sequence[Position | None] | None = None,
    ) -> list[Identification]:
        """Return the answers to some photos or texts; `spent` is what each has taken until now.

        Args:
            embeddings: Of the views of each, float32 [n, views, dim]; a text has one.
            top_k: How many references to return at most.
            variant_name: What embedded them.
            spent: What each has taken until now.
            positions: Where each was taken.
        """
        started = perf_counter()
        questions = self._questions(embeddings, top_k, positions)
        searched = perf_counter()
        findings = [self._finding(question, top_k) for question in questions]
        search, deciding = (searched - started) / len(spent), (perf_counter() - searched) / len(spent)
        return [
            self._identification(finding, variant_name, replace(times, search=search, decide=deciding))
            for finding, times in zip(findings, spent, strict=True)
        ]

    def answer_together(
        self,
        embeddings: NDArray[np.float32],
        top_k: int,
        variant_name: str,
        spent: StageSeconds,
        position: Position | None = None,
    ) -> Identification:
        """Return the one answer to several photos of the same thing.

        Args:
            embeddings: Of the views of each photo, float32 [photos, views, dim].
            top_k: How many references to return at most.
            variant_name: What embedded them.
            spent: What all have taken until now.
            position: Where the thing was photographed.
        """
        started = perf_counter()
        question = self._question_together(embeddings, top_k, position)
        searched = perf_counter()
        finding = self._finding(question, top_k)
        times = replace(spent, search=searched - started, decide=perf_counter() - searched)
        return self._identification(finding, variant_name, times)

    def find(
        self, embeddings: NDArray[np.float32], top_k: int, positions: Sequence[Position | None] | None = None
    ) -> list[Finding]:
        """Return the best `top_k` references of each photo's views, float32 [n, views, dim], and what can be said."""
        return [self._finding(question, top_k) for question in self._questions(embeddings, top_k, positions)]

    def find_together(self, embeddings: NDArray[np.float32], top_k: int, position: Position | None = None) -> Finding:
        """Return what is found for several photos of the same thing, float32 [photos, views, dim]."""
        return self._finding(self._question_together(embeddings, top_k, position), top_k)

    def _identification(self, finding: Finding, variant_name: str, times: StageSeconds) -> Identification:
        return Identification(
            matches=finding.matches,
            verdict=finding.verdict,
            look_alikes=finding.look_alikes,
            position=finding.position,
            filters=self._filters,
            pack_name=self._manifest.name,
            pack_version=str(self._manifest.version),
            variant_name=variant_name,
            times=times,
        )

    def _passing_ids(self) -> NDArray[np.int64] | None:
        if not self._filters:
            return None
        import numpy as np

        from edge_identify.edge_runtime.search.filtering import passing_index_ids

        return np.array(passing_index_ids(self._filters, self._references), dtype=np.int64)

    def _questions(
        self, embeddings: NDArray[np.float32], top_k: int, positions: Sequence[Position | None] | None
    ) -> list[Question]:
        """Return for each embedding as many references, best first, as are to be shown or decided from."""
        places = positions or [None] * len(embeddings)
        candidates = self._candidates(places)
        ranked = self._nearest(self._search, embeddings, max(top_k, candidates))
        if self._whole is None:
            every: Sequence[list[Nearest] | None] = [None] * len(ranked)
        else:
            every = self._nearest(self._whole, embeddings, candidates)
        return [question_of(*known) for known in zip(ranked, places, every, strict=True)]

    def _question_together(self, embeddings: NDArray[np.float32], top_k: int, position: Position | None) -> Question:
        from edge_identify.edge_runtime.decisions.several_photos import DEPTH

        candidates = self._candidates([position])
        wanted = max(top_k, candidates)
        ranked = fused(self._nearest(self._search, embeddings, max(wanted, DEPTH)))[:wanted]
        if self._whole is None:
            return question_of(ranked, position, None)
        every = fused(self._nearest(self._whole, embeddings, max(candidates, DEPTH)))
        return question_of(ranked, position, every[:candidates])

    def _candidates(self, positions: Sequence[Position | None]) -> int:
        """Return how many references a decision looks at."""
        if self._calibration is None:
            return 1
        if not any(positions):
            return self._calibration.neighbours
        from edge_identify.edge_runtime.decisions.place_evidence import CANDIDATES

        return max(CANDIDATES, self._calibration.neighbours)

    def _nearest(self, search: VectorSearch, embeddings: NDArray[np.float32], wanted: int) -> list[list[Nearest]]:
        # A reference may hold several of the nearest rows; this many rows hold the wanted references for certain.
        from edge_identify.edge_runtime.search.vector_search import nearest_of_views

        rows = wanted * self._manifest.index.most_images_per_reference
        found = nearest_of_views(search, embeddings, rows)
        return [list(islice(self._distinct(best), wanted)) for best in _scores_by_row(found)]

    def _finding(self, question: Question, top_k: int) -> Finding:
        ranked = question.ranked
        if self._calibration is None:
            matches = tuple(self._matches(ranked[:top_k], [None] * len(ranked[:top_k])))
            return Finding(matches=matches, position=question.position)
        # Photos with a position are asked for more candidates; what is decided by looks alone looks at as many as ever.
        looked_at = ranked[: max(top_k, self._calibration.neighbours)]
        verdict = decide([nearest.score for nearest in looked_at], self._calibration, crowd=question.crowd)
        evidence: Sequence[PlaceEvidence | None] = [None] * len(ranked)
        if placed := self._placed(question, verdict):
            beyond = ranked[len(placed.order) :]
            ranked = [*(ranked[at] for at in placed.order), *beyond]
            verdict = replace(placed.verdict, confidences=(*placed.verdict.confidences, *(0.0 for _ in beyond)))
            evidence = (*placed.evidence, *(None for _ in beyond))
        alike = [self._references.reference(nearest.reference_id) for nearest in ranked[: verdict.look_alike_count]]
        shown = self._matches(ranked[:top_k], verdict.confidences[:top_k])
        return Finding(
            matches=tuple(replace(match, place=place) for match, place in zip(shown, evidence, strict=False)),
            verdict=verdict,
            look_alikes=compare_look_alikes(alike) if alike else None,
            position=question.position,
        )

    def _placed(self, question: Question, vision: Verdict) -> Placed | None:
        """Return what the position changes; None where there is none, or it says nothing."""
        if question.position is None or self._calibration is None:
            return None
        # As many as ever, however many are to be shown.
        ranked = question.ranked[: self._candidates([question.position])]
        return self._places.weigh(
            question.position,
            named_scores(ranked),
            self._calibration,
            vision=vision,
            crowd=question.crowd,
            everyone=None if question.everyone is None else named_scores(question.everyone),
        )

    @cached_property
    def _places(self) -> Places:
        from edge_identify.edge_runtime.search.place_lookup import Places

        return Places(self._references)

    def _distinct(self, best: Iterable[tuple[int, float]]) -> Iterator[Nearest]:
        """Yield references, best first, each with its best picture."""
        seen: set[str] = set()
        for index_id, score in best:
            reference_id = self._references.reference_id_of(index_id)
            if reference_id not in seen:
                seen.add(reference_id)
                yield Nearest(reference_id=reference_id, score=score, index_id=index_id)

    def _matches(self, ranked: Sequence[Nearest], confidences: Sequence[float | None]) -> Iterator[Match]:
        for rank, (nearest, confidence) in enumerate(zip(ranked, confidences, strict=True), start=1):
            yield Match(
                reference=self._references.reference(nearest.reference_id),
                score=nearest.score,
                rank=rank,
                confidence=confidence,
                index_id=nearest.index_id,
                picture=self._references.image_facts(nearest.index_id),
            )


def _scores_by_row(found: Neighbours) -> Iterator[list[tuple[int, float]]]:
    for ids, scores in zip(found.ids.tolist(), found.scores.tolist(), strict=True):
        yield list(zip(ids, scores, strict=True))
