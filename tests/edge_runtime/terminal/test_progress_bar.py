"""The progress bar: what it says, when it is drawn, and when there is none."""

import io

import pytest

from edge_identify.edge_runtime.terminal import terminal_text
from edge_identify.edge_runtime.terminal.progress_bar import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def lines_of(stream: io.StringIO) -> list[str]:
    return stream.getvalue().split("\r\x1b[K")[1:]


def test_the_bar_tells_how_many_how_fast_and_how_long() -> None:
    stream, clock = Terminal(), Clock()
    with ProgressBar(240, stream, is_shown=True, clock=clock) as bar:
        for _ in range(120):
            clock.seconds += 0.5
            bar.advance()

    drawn = lines_of(stream)
    assert drawn[0] == "[" + "-" * 30 + "]  1/240  2.0/s  2:00 left"
    assert drawn[119] == "[" + "#" * 15 + "-" * 15 + "]  120/240  2.0/s  1:00 left"
    assert drawn[120] == ""  # cleared at the end


def test_a_long_run_has_hours_and_the_last_photo_is_always_drawn() -> None:
    stream, clock = Terminal(), Clock()
    with ProgressBar(10_000, stream, is_shown=True, clock=clock) as bar:
        clock.seconds += 1
        bar.advance()
    assert "1/10000  1.0/s  2:46:39 left" in stream.getvalue()

    stream = Terminal()
    with ProgressBar(2, stream, is_shown=True, clock=clock) as bar:
        bar.advance()
        bar.advance()
    assert lines_of(stream)[0].endswith("2/2  0.0/s  ? left")  # no time has passed


def test_it_is_drawn_ten_times_a_second_at_most() -> None:
    stream, clock = Terminal(), Clock()
    with ProgressBar(1001, stream, is_shown=True, clock=clock) as bar:
        for _ in range(1000):
            clock.seconds += 0.001
            bar.advance()

    assert len(lines_of(stream)) <= 11


def test_notes_stand_above_the_bar() -> None:
    stream = Terminal()
    ProgressBar(10, stream, is_shown=True).note("skipped: x")

    assert stream.getvalue() == "\r\x1b[Kskipped: x\n"


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_where_there_is_no_bar_only_notes_are_written(stream: io.StringIO) -> None:
    with ProgressBar(1, stream, is_shown=not stream.isatty()) as bar:
        bar.note("skipped: x")
        bar.advance()

    assert stream.getvalue() == "skipped: x\n"


def test_a_narrow_terminal_gets_the_figures_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal_text, "_columns", lambda _: 40)
    stream = Terminal()
    with ProgressBar(1, stream, is_shown=True) as bar:
        bar.advance()

    assert lines_of(stream)[0].startswith("1/1  ")
