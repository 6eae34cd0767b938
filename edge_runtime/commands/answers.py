"""What was asked and what came of it, and where answers go: to a person, to a program, to a page.

`answer_screen` says how an answer looks, `answer_json` what a program gets, `html_report` what a page shows;
`answer_outputs` sends answers there.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from edge_identify.edge_runtime.commands.running import ExitCode
from edge_identify.edge_runtime.deciding.decision import Decision
from edge_identify.edge_runtime.errors import EdgeIdentifyError
from edge_identify.edge_runtime.identification import MAX_TOP_K, Identification, StageSeconds

_EXIT_CODES = {
    Decision.IDENTIFIED: ExitCode.DONE,
    Decision.UNKNOWN: ExitCode.UNKNOWN,
    Decision.AMBIGUOUS: ExitCode.AMBIGUOUS,
    None: ExitCode.DONE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherPhoto:
    """Another photo of the same thing, that an answer was made from too.

    Attributes:
        path: As it was given.
        thumbnail: The photo as a small JPEG, where pictures are shown.
    """

    path: str
    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One question and what came of it.

    Attributes:
        kind: `photo` or `text`.
        question: The photo's path as it was given, or the text.
        result: The identification, or the error that stopped it.
        thumbnail: The photo as a small JPEG, where pictures are shown.
        suggested_namespaces: Those that a text names and that were not applied.
        further_photos: Those that were answered together with the first.
    """

    kind: str
    question: str
    result: Identification | EdgeIdentifyError
    thumbnail: bytes | None = None
    suggested_namespaces: tuple[str, ...] = ()
    further_photos: tuple[FurtherPhoto, ...] = ()

    @property
    def questions(self) -> tuple[str, ...]:
        """The paths of all photos that were answered together, or the text."""
        return self.question, *(photo.path for photo in self.further_photos)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerer:
    """What answers all questions of a run.

    Attributes:
        pack_name: The pack.
        pack_version: Its version.
        variant_name: The encoder variant in use.
    """

    pack_name: str
    pack_version: str
    variant_name: str


class AnswerOutput(Protocol):
    """Where answers go."""

    @property
    def shows_photos(self) -> bool:
        """Whether answers to photos need a thumbnail."""

    def show(self, answer: Answer) -> None:
        """Take one answer, in the order of the questions."""

    def finish(self) -> None:
        """Write what waits until all is known, or until the run was interrupted."""


class Tally:
    """What has come of a run's questions so far.

    Attributes:
        decisions: How often each decision was made; None for answers without one.
        skipped: How many questions ended in an error.
        further_photos: How many photos were answered together with others, these not counted.
        has_bands: Whether matches of a text say how well they fit.
        times: Wall time of all answers, by stage.
    """

    def __init__(self) -> None:
        """Begin to count."""
        self.decisions: Counter[Decision | None] = Counter()
        self.skipped = 0
        self.further_photos = 0
        self.has_bands = False
        self.times = StageSeconds(prepare=0.0, encode=0.0, search=0.0, decide=0.0)

    def add(self, answer: Answer) -> None:
        """Count an answer."""
        if not isinstance(answer.result, Identification):
            self.skipped += 1
            return
        before, more = self.times, answer.result.times
        self.decisions[answer.result.decision] += 1
        self.further_photos += len(answer.further_photos)
        self.has_bands |= any(match.band is not None for match in answer.result.matches)
        self.times = StageSeconds(
            prepare=before.prepare + more.prepare,
            encode=before.encode + more.encode,
            search=before.search + more.search,
            decide=before.decide + more.decide,
        )

    @property
    def answered(self) -> int:
        """How many questions were answered."""
        return self.decisions.total()

    @property
    def asked(self) -> int:
        """How many questions there were."""
        return self.answered + self.skipped


def exit_code_of(tally: Tally, *, is_single: bool) -> ExitCode:
    """Return what a run ends with.

    Args:
        tally: All that came of it.
        is_single: Whether one answer was asked for, to a photo by its name or to several of the same thing: then its
            decision is the code. Of several the decisions differ, and the code says only whether all were answered.
    """
    if not tally.answered:
        return ExitCode.PHOTO
    if is_single:
        (decision,) = tally.decisions
        if _EXIT_CODES[decision] is not ExitCode.DONE:
            return _EXIT_CODES[decision]
    return ExitCode.SOME_SKIPPED if tally.skipped else ExitCode.DONE


def add_answer_options(parser: argparse.ArgumentParser) -> None:
    """Add `--top-k` and `--json`."""
    parser.add_argument("--top-k", type=_top_k, default=5, metavar="N", help="references to show (default 5)")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object, as commands/answer.schema.json describes it"
    )


def _top_k(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_TOP_K:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_TOP_K}")
    return int(text)
