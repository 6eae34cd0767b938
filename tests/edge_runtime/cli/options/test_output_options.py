"""Answers on their way to where they go: counted, reported, and finished even when the run is interrupted."""

import io
from collections.abc import Iterator

import pytest

from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
from edge_identify.edge_runtime.answers.tally import Tally
from edge_identify.edge_runtime.cli.options.output_options import show_all, summary
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.errors import PackDamagedError, PhotoError
from edge_identify.edge_runtime.terminal.progress_bar import ProgressBar
from example_answers import decided, uncalibrated

FAILED = FailedPhoto(question="q.jpg", error=PhotoError("q\n.jpg: is not an image"))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Recorder:
    """An output that writes to a terminal when it is finished."""

    def __init__(self, stream: io.StringIO) -> None:
        self.answers: list[Identification | FailedPhoto] = []
        self.finished = 0
        self._stream = stream

    @property
    def shows_photos(self) -> bool:
        return False

    def show(self, answer: Identification | FailedPhoto) -> None:
        self.answers.append(answer)

    def finish(self) -> None:
        self.finished += 1
        self._stream.write("finished")


def test_every_output_gets_every_answer_and_is_finished_once_the_bar_is_gone() -> None:
    stream = Terminal()
    first, second, tally = Recorder(stream), Recorder(stream), Tally()
    answers: list[Identification | FailedPhoto] = [decided(Decision.UNKNOWN), FAILED, uncalibrated()]

    bar = ProgressBar(3, stream, is_shown=True)
    assert show_all(answers, (first, second), tally, bar) is None

    assert first.answers == second.answers == answers
    assert (first.finished, second.finished) == (1, 1)
    assert r"skipped: q\n.jpg: is not an image" in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[Kfinishedfinished")
    assert (tally.answered, tally.asked) == (2, 3)


def test_an_interruption_finishes_what_was_shown_and_is_handed_back() -> None:
    interruption = KeyboardInterrupt()

    def answers() -> Iterator[Identification]:
        yield uncalibrated()
        raise interruption

    output = Recorder(io.StringIO())
    assert show_all(answers(), (output,), Tally(), None) is interruption
    assert (len(output.answers), output.finished) == (1, 1)


def test_a_damaged_pack_ends_the_run_and_nothing_looks_finished() -> None:
    def answers() -> Iterator[Identification]:
        yield uncalibrated()
        raise PackDamagedError("model: damaged")

    output = Recorder(io.StringIO())
    with pytest.raises(PackDamagedError):
        show_all(answers(), (output,), Tally(), None)
    assert output.finished == 0


def test_the_summary_counts_the_decisions_by_falling_certainty() -> None:
    tally = Tally()
    for decision in reversed(Decision):
        tally.add(decided(decision))

    assert summary(tally) == "4 photos: 1 identified, 1 probably, 1 ambiguous, 1 unknown"


def test_the_summary_names_what_there_is() -> None:
    tally = Tally()
    for answer in (decided(Decision.AMBIGUOUS), FAILED, decided(Decision.IDENTIFIED), decided(Decision.IDENTIFIED)):
        tally.add(answer)
    assert summary(tally) == "4 photos: 2 identified, 1 ambiguous, 1 skipped"

    alone = Tally()
    alone.add(uncalibrated())
    assert summary(alone) == "1 photo: 1 answered without a decision"
