"""A progress bar on a terminal: count, rate and remaining time."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TextIO

_SECONDS_BETWEEN = 0.1  # drawing more often slows the run and shows nothing more
_BAR_COLUMNS = 30
_FIGURE_COLUMNS = 44  # of the longest figures beside the bar
_CLEAR_LINE = "\r\x1b[K"


class ProgressBar:
    """Shows the progress of a run. A hidden bar only prints notes. Use it as a context manager."""

    def __init__(self, total: int, stream: TextIO, *, is_shown: bool, clock: Callable[[], float] = monotonic) -> None:
        """Begin to count.

        Args:
            total: Number of items, at least 1.
            stream: The stream of the bar, usually standard error.
            is_shown: Whether to show the bar; it is never shown on a stream that is not a terminal.
            clock: Returns seconds.
        """
        self._total, self._stream, self._clock = total, stream, clock
        self._is_shown = is_shown and stream.isatty()
        self._done = 0
        self._started = self._drawn = clock()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def advance(self) -> None:
        """Count one more."""
        self._done += 1
        now = self._clock()
        if self._is_shown and (now - self._drawn >= _SECONDS_BETWEEN or self._done == self._total):
            self._drawn = now
            self._stream.write(_CLEAR_LINE + self._line(now - self._started))
            self._stream.flush()

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._clear()
        print(text, file=self._stream, flush=True)

    def _clear(self) -> None:
        if self._is_shown:
            self._stream.write(_CLEAR_LINE)
            self._stream.flush()

    def _line(self, seconds: float) -> str:
        from edge_identify.edge_runtime.terminal.terminal_text import screen_of

        rate = self._done / seconds if seconds > 0 else 0.0
        left = _clock_time((self._total - self._done) / rate) if rate else "?"
        figures = f"{self._done}/{self._total}  {rate:.1f}/s  {left} left"
        columns = min(_BAR_COLUMNS, screen_of(self._stream).width - _FIGURE_COLUMNS)
        if columns <= 0:
            return figures
        filled = columns * self._done // self._total
        return f"[{'#' * filled}{'-' * (columns - filled)}]  {figures}"


def _clock_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
