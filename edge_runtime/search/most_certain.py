"""Which of several packs' answers to one question counts: one rule for the device, the service and the Python API.

Of photos: the most certain decision; among equal decisions the highest probability. Packs without calibration come
last, by similarity, although similarities of different encoders cannot really be compared. Of texts: an exact id or
name, then other words that agree, then the best band, then the highest similarity; an answer without a match comes
last. Among equal answers, the first one counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.answers.identification import StageSeconds
from edge_identify.edge_runtime.answers.text_reasons import LOOKS_LIKE_IT
from edge_identify.edge_runtime.decisions.certainty import certainty

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification, Match


@dataclass(frozen=True, slots=True, kw_only=True)
class PackAnswers:
    """The answers of several packs to one photo, or to several photos of one thing.

    Attributes:
        answers: One of each pack, at least one; `times` has no preparing and no encoding.
        prepare_s: The time of all preparations.
        encode_s: The time of all encoders.
    """

    answers: tuple[Identification, ...]
    prepare_s: float
    encode_s: float

    def most_certain(self) -> Identification:
        """Return the answer that counts, with the time that the answers of all packs have taken."""
        search = sum(one.times.search for one in self.answers)
        decide = sum(one.times.decide for one in self.answers)
        times = StageSeconds(prepare=self.prepare_s, encode=self.encode_s, search=search, decide=decide)
        return replace(most_certain(self.answers), times=times)


def most_certain(answers: Sequence[Identification]) -> Identification:
    """Return the answer that counts, of the packs' answers to one photo.

    Args:
        answers: One of each pack, at least one.
    """
    return max(answers, key=_certainty)


def best_fitting(answers: Sequence[Identification]) -> Identification:
    """Return the answer that counts, of the packs' answers to one text or one vector.

    Args:
        answers: One of each pack, at least one.
    """
    return max(answers, key=_fit)


def _certainty(answer: Identification) -> tuple[int, float, float]:
    known = 0.0 if answer.verdict is None else answer.verdict.known_probability
    probability = known if answer.look_alikes is not None else answer.best.confidence or 0.0
    return certainty(answer.decision), probability, answer.best.score


def _fit(answer: Identification) -> tuple[int, int, float]:
    from edge_identify.edge_runtime.decisions.text_bands import TextBand

    if not answer.matches:
        return -1, 0, 0.0
    match, bands = answer.best, list(TextBand)  # best first
    band = 0 if match.band is None else len(bands) - bands.index(match.band)
    return _agreement_of_words(match), band, match.score


def _agreement_of_words(match: Match) -> int:
    if any(reason.is_exact for reason in match.reasons):
        return 2
    return 1 if any(reason != LOOKS_LIKE_IT for reason in match.reasons) else 0
