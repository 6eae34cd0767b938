"""Steps of a command on a terminal, in a log, inside each other, and after an error."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator

import pytest

from edge_identify.edge_runtime.io.progress import Counted, during, no_progress
from edge_identify.edge_runtime.terminal import progress_bar
from edge_identify.edge_runtime.terminal.step_progress import StepProgress

CLEAR = "\r\x1b[K"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def shown(stream: io.StringIO, work: Callable[[StepProgress, Clock], None]) -> str:
    clock = Clock()
    progress = StepProgress(lambda: stream, clock)
    with progress.closing():
        work(progress, clock)
    return stream.getvalue()


def two_of_four(progress: StepProgress, clock: Clock) -> None:
    for number in progress("reading", range(4)):
        clock.seconds += 60
        if number == 2:
            return


def test_a_terminal_shows_the_step_with_its_rate_and_the_time_left() -> None:
    written = shown(Terminal(), two_of_four).split(CLEAR)

    assert written[1:3] == [
        "reading  [" + "#" * 7 + "-" * 23 + "]  1/4  0.0/s  3:00 left",
        "reading  [" + "#" * 15 + "-" * 15 + "]  2/4  0.0/s  2:00 left",
    ]
    assert written[-1] == ""  # cleared at the end


def test_a_log_gets_a_plain_line_every_so_often_over_all_steps() -> None:
    def work(progress: StepProgress, clock: Clock) -> None:
        for step in ("one", "two", "three", "four"):
            for _ in progress(step, range(10)):
                clock.seconds += 0.7

    written = shown(io.StringIO(), work)

    assert written.splitlines() == ["two  5/10  1.4/s  0:04 left", "three  10/10  1.4/s  0:00 left"]
    assert CLEAR not in written


def test_a_short_run_leaves_nothing_in_a_log() -> None:
    def work(progress: StepProgress, clock: Clock) -> None:
        for _ in progress("reading", range(90)):
            clock.seconds += 0.1

    assert shown(io.StringIO(), work) == ""


def test_the_time_goes_on_while_one_item_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_bar, "_SECONDS_OF_TICK", 0.001)

    def work(progress: StepProgress, clock: Clock) -> None:
        def piece() -> None:
            clock.seconds += 75
            deadline = time.monotonic() + 20
            while "1:15" not in stream.getvalue() and time.monotonic() < deadline:
                time.sleep(0.001)

        during(progress, "exporting", piece)

    stream = Terminal()
    assert "exporting  1:15" in shown(stream, work)


def test_of_a_step_inside_a_step_the_inner_one_is_shown_and_then_the_outer_again() -> None:
    def work(progress: StepProgress, clock: Clock) -> None:
        for _ in progress("variants", range(2)):
            for _ in progress("tries", range(2)):
                clock.seconds += 1

    drawn = [line.split("  ")[0] for line in shown(Terminal(), work).split(CLEAR) if line]

    assert drawn == ["tries", "tries", "variants", "tries", "tries", "variants"]


def test_after_an_error_the_line_is_cleared_before_anything_else_is_written() -> None:
    stream = Terminal()

    def work(progress: StepProgress, clock: Clock) -> None:
        def items() -> Iterator[int]:
            yield 1
            clock.seconds += 1
            yield 2
            raise ValueError

        kept = progress("reading", items())
        list(kept)

    with pytest.raises(ValueError, match=r"^$"):
        shown(stream, work)
    assert stream.getvalue().endswith(CLEAR)


def test_work_that_counts_by_itself_is_shown_in_megabytes_and_goes_on_from_what_was_there() -> None:
    def work(progress: StepProgress, clock: Clock) -> None:
        progress.report_bytes("fetching", 50_000_000, 100_000_000)
        clock.seconds += 10
        progress.report_bytes("fetching", 75_000_000, 100_000_000)

    assert "75.0/100.0 MB  2.5 MB/s  0:10 left" in shown(Terminal(), work)


def test_a_note_stands_on_its_own_line() -> None:
    def work(progress: StepProgress, clock: Clock) -> None:
        for _ in progress("reading", range(1)):
            clock.seconds += 1
            progress.note("note: x")

    assert f"{CLEAR}note: x\n" in shown(Terminal(), work)


def test_items_made_while_they_are_taken_have_a_number_all_the_same() -> None:
    items = Counted(items=(number for number in range(3)), count=3)

    assert len(items) == 3
    assert list(no_progress("step", items)) == [0, 1, 2]
