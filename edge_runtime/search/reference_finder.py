"""From embeddings to answers: the index, the table of references, and the decision.

Trap: the nearest rows of the index are not the nearest references. A reference may have several images, and its best
one counts. Filters leave references out. A photo's position can change the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.answers.identification import Identification, Match, StageSeconds
from edge_identify.edge_runtime.decisions.decision import Decision, decide
from edge_identify.edge_runtime.decisions.look_alikes import compare_look_alikes
from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters
from edge_identify.edge_runtime.pack.references import NOTHING_KNOWN, ReferenceTable
from edge_identify.edge_runtime.search.ranked_references import Nearest, Question, fused, named_scores, question_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.decisions.calibration import Calibration
    from edge_identify.edge_runtime.decisions.decision import Verdict
    from edge_identify.edge_runtime.decisions.likely_kind import LikelyKind
    from edge_identify.edge_runtime.decisions.look_alikes import LookAlikes
    from edge_identify.edge_runtime.decisions.place_evidence import PlaceEvidence
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.pack.references import Reference
    from edge_identify.edge_runtime.photos.position import Position
    from edge_identify.edge_runtime.search.place_lookup import Placed, Places
    from edge_identify.edge_runtime.search.taught_search import TaughtPictures
    from edge_identify.edge_runtime.search.vector_search import Neighbours, VectorSearch
    from edge_identify.edge_runtime.taught.taught_things import TaughtThing


class ReferenceFinder:
    """Finds the references of embeddings, with the index and the table of references."""

    def __init__(
        self,
        pack: Pack,
        *,
        many: bool,
        variant_name: str,
        calibration: Calibration | None = None,
        filters: Filters = NO_FILTERS,
        taught: TaughtPictures | None = None,
    ) -> None:
        """Open the index and the references, hashes checked first.

        Args:
            pack: An open pack.
            many: Prepare for many questions, not for a fast first answer.
            variant_name: The encoder variant that makes the embeddings.
            calibration: The calibration of that variant; None gives answers without a verdict.
            filters: Only references that pass these filters can match.
            taught: What a person taught beside the pack. With filters, it takes no part.

        Raises:
            SetupError: The pack does not have a filter's value, or no reference passes all filters.
        """
        from edge_identify.edge_runtime.search.binary_codes import open_search

        self._pack, self._many, self._variant_name = pack, many, variant_name
        self._manifest = pack.manifest
        self._calibration = calibration
        self._filters = filters
        self._references = ReferenceTable(pack.file(pack.manifest.references_file))
        self._taught = taught
        self._search: VectorSearch = open_search(pack, many=many, among=self._passing_ids())
        if taught is not None and not filters:
            from edge_identify.edge_runtime.search.taught_search import TaughtSearch

            self._search = TaughtSearch(self._search, taught)
        self._whole = open_search(pack, many=many) if filters and calibration else None

    def close(self) -> None:
        """Close the references file."""
        self._references.close()

    def narrowed(self, filters: Filters) -> ReferenceFinder:
        """Return a new finder with other filters. The caller closes it.

        Raises:
            SetupError: The pack does not have a filter's value, or no reference passes all filters.
        """
        return ReferenceFinder(
            self._pack,
            many=self._many,
            variant_name=self._variant_name,
            calibration=self._calibration,
            filters=filters,
            taught=self._taught,
        )

    def answers(
        self,
        embeddings: NDArray[np.float32],
        top_k: int,
        spent: Sequence[StageSeconds],
        positions: Sequence[Position | None] | None = None,
    ) -> list[Identification]:
        """Return the answers to some photos or texts.

        Args:
            embeddings: The embeddings of each photo's views, float32 [n, views, dim]; a text has one view.
            top_k: Maximum number of matches.
            spent: The time that each has taken until now.
            positions: Where each photo was taken.
        """
        started = perf_counter()
        questions = self._questions(embeddings, top_k, positions)
        search = (perf_counter() - started) / len(spent)
        return [
            self._answer(question, top_k, replace(times, search=search))
            for question, times in zip(questions, spent, strict=True)
        ]

    def answer_together(
        self,
        embeddings: NDArray[np.float32],
        top_k: int,
        spent: StageSeconds,
        position: Position | None = None,
    ) -> Identification:
        """Return the one answer to several photos of the same thing.

        Args:
            embeddings: The embeddings of each photo's views, float32 [photos, views, dim].
            top_k: Maximum number of matches.
            spent: The time that all photos together have taken until now.
            position: Where the photos were taken.
        """
        started = perf_counter()
        question = self._question_together(embeddings, top_k, position)
        return self._answer(question, top_k, replace(spent, search=perf_counter() - started))

    def matches_of(self, embedding: NDArray[np.float32], reference_ids: Sequence[str]) -> list[Match]:
        """Return references with their similarities to an embedding, best first; none for one without an image.

        Args:
            embedding: Unit vector, float32 [dim].
            reference_ids: Distinct ids of references of the pack; the filters do not matter.
        """
        import numpy as np

        from edge_identify.edge_runtime.search.binary_codes import open_search

        images = [image.index_id for name in reference_ids for image in self._references.images_of(name)]
        if not images:
            return []
        among = open_search(self._pack, many=False, among=np.array(images, dtype=np.int64))
        (ranked,) = self._nearest(among, embedding[None, None], len(reference_ids))
        return list(self._matches(ranked, [None] * len(ranked)))

    def _passing_ids(self) -> NDArray[np.int64] | None:
        if not self._filters:
            return None
        import numpy as np

        from edge_identify.edge_runtime.search.filtering import passing_index_ids

        return np.array(passing_index_ids(self._filters, self._references), dtype=np.int64)

    def _questions(
        self, embeddings: NDArray[np.float32], top_k: int, positions: Sequence[Position | None] | None
    ) -> list[Question]:
        """Return for each embedding the references, best first, that the answer shows or the decision needs."""
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
        """Return the number of references that a decision uses."""
        if self._calibration is None:
            return 1
        if not any(positions):
            return self._calibration.neighbours
        from edge_identify.edge_runtime.decisions.place_evidence import CANDIDATES

        return max(CANDIDATES, self._calibration.neighbours)

    def _nearest(self, search: VectorSearch, embeddings: NDArray[np.float32], wanted: int) -> list[list[Nearest]]:
        # One reference may have several of the nearest rows. This many rows contain the wanted references for certain.
        from edge_identify.edge_runtime.search.vector_search import nearest_of_views

        rows = wanted * self._manifest.index.most_images_per_reference
        found = nearest_of_views(search, embeddings, rows)
        return [list(islice(self._distinct(best), wanted)) for best in _scores_by_row(found)]

    def _answer(self, question: Question, top_k: int, spent: StageSeconds) -> Identification:
        """Decide and look up the references; the time that this takes is added to `spent`."""
        started = perf_counter()
        ranked, verdict, evidence = self._decided(question, top_k)
        shown = ranked[:top_k]
        confidences = [None] * len(shown) if verdict is None else verdict.confidences[:top_k]
        look_alikes = None if verdict is None else self._look_alikes(ranked[: verdict.look_alike_count])
        placed = zip(self._matches(shown, confidences), evidence, strict=False)
        return Identification(
            matches=tuple(replace(match, place=place) for match, place in placed),
            verdict=verdict,
            look_alikes=look_alikes,
            likely_kind=None if verdict is None else self._likely_kind(ranked, verdict),
            position=question.position,
            filters=self._filters,
            pack_name=self._manifest.name,
            pack_version=str(self._manifest.version),
            variant_name=self._variant_name,
            times=replace(spent, decide=perf_counter() - started),
        )

    def _decided(
        self, question: Question, top_k: int
    ) -> tuple[list[Nearest], Verdict | None, Sequence[PlaceEvidence | None]]:
        """Return the references in the order of the answer, the verdict, and what the position says of each."""
        ranked = question.ranked
        if self._calibration is None:
            return ranked, None, [None] * len(ranked)
        # A photo with a position has more candidates. The decision by similarity alone uses as many as without one.
        looked_at = ranked[: max(top_k, self._calibration.neighbours)]
        verdict = decide([nearest.score for nearest in looked_at], self._calibration, crowd=question.crowd)
        placed = self._placed(question, verdict)
        if placed is None:
            return ranked, verdict, [None] * len(ranked)
        beyond = ranked[len(placed.order) :]
        return (
            [*(ranked[at] for at in placed.order), *beyond],
            placed.verdict.with_others(len(beyond)),
            (*placed.evidence, *(None for _ in beyond)),
        )

    def _look_alikes(self, ranked: Sequence[Nearest]) -> LookAlikes | None:
        if not ranked:
            return None
        return compare_look_alikes([self._reference(nearest) for nearest in ranked])

    def _likely_kind(self, ranked: Sequence[Nearest], verdict: Verdict) -> LikelyKind | None:
        if verdict.decision is Decision.IDENTIFIED:
            return None
        from edge_identify.edge_runtime.decisions.likely_kind import likely_kind

        candidates = zip(ranked, verdict.confidences, strict=False)
        known = [(nearest, confidence) for nearest, confidence in candidates if confidence > 0]
        references = [self._reference(nearest) for nearest, _ in known]
        return likely_kind(references, [confidence for _, confidence in known])

    def _placed(self, question: Question, vision: Verdict) -> Placed | None:
        """Return the order and verdict with the position; None if there is no position, or it does not help."""
        if question.position is None or self._calibration is None:
            return None
        # The number of candidates does not depend on `top_k`.
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
        """Yield references, best first, each with its best image."""
        seen: set[str] = set()
        for index_id, score in best:
            thing = self._thing_of(index_id)
            reference_id = self._references.reference_id_of(index_id) if thing is None else thing.id
            if reference_id not in seen:
                seen.add(reference_id)
                yield Nearest(reference_id=reference_id, score=score, index_id=index_id)

    def _matches(self, ranked: Sequence[Nearest], confidences: Sequence[float | None]) -> Iterator[Match]:
        for rank, (nearest, confidence) in enumerate(zip(ranked, confidences, strict=True), start=1):
            yield Match(
                reference=self._reference(nearest),
                score=nearest.score,
                rank=rank,
                confidence=confidence,
                index_id=nearest.index_id,
                picture=NOTHING_KNOWN if nearest.index_id < 0 else self._references.image_facts(nearest.index_id),
                is_own=nearest.index_id < 0,
            )

    def _reference(self, nearest: Nearest) -> Reference:
        thing = self._thing_of(nearest.index_id)
        return self._references.reference(nearest.reference_id) if thing is None else thing.reference

    def _thing_of(self, index_id: int) -> TaughtThing | None:
        return None if self._taught is None or index_id >= 0 else self._taught.thing_of(index_id)


def _scores_by_row(found: Neighbours) -> Iterator[list[tuple[int, float]]]:
    for ids, scores in zip(found.ids.tolist(), found.scores.tolist(), strict=True):
        yield list(zip(ids, scores, strict=True))
