"""Counts of what a run answered: decisions, skipped photos, time by stage."""

from __future__ import annotations

from collections import Counter

from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification, StageSeconds
from edge_identify.edge_runtime.decisions.decision import Decision


class Tally:
    """Counts of a run's answers so far.

    Attributes:
        decisions: Answers by decision; None counts answers without one.
        skipped: Photos that could not be used.
        further_photos: Photos that were answered together with a first one, which does not count here.
        has_bands: True if the matches of a text have bands.
        has_similarities: True if a match has a similarity: not so where words alone answer a text.
        times: Wall time of all answers, by stage.
        packs: Answers by name, version and encoder of the pack that gave them.
    """

    def __init__(self) -> None:
        """Begin to count."""
        self.decisions: Counter[Decision | None] = Counter()
        self.skipped = 0
        self.further_photos = 0
        self.has_bands = self.has_similarities = False
        self.times = StageSeconds(prepare=0.0, encode=0.0, search=0.0, decide=0.0)
        self.packs: Counter[tuple[str, str, str]] = Counter()

    def add(self, answer: Identification | FailedPhoto) -> None:
        """Count an answer."""
        if isinstance(answer, FailedPhoto):
            self.skipped += 1
            return
        before, more = self.times, answer.times
        self.decisions[answer.decision] += 1
        self.packs[answer.pack_name, answer.pack_version, answer.variant_name] += 1
        self.further_photos += len(answer.further_photos)
        self.has_bands |= any(match.band is not None for match in answer.matches)
        self.has_similarities |= any(match.has_similarity for match in answer.matches)
        self.times = StageSeconds(
            prepare=before.prepare + more.prepare,
            encode=before.encode + more.encode,
            search=before.search + more.search,
            decide=before.decide + more.decide,
        )

    @property
    def answered(self) -> int:
        """The number of questions with an answer."""
        return self.decisions.total()

    @property
    def asked(self) -> int:
        """The number of all questions."""
        return self.answered + self.skipped
