"""Progress of one step: a line that is redrawn on a terminal, and a plain line every so often in a log.

A thread redraws the line, so that the time goes on while one item takes minutes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import TextIO

_SECONDS_BETWEEN = 0.1  # drawing more often slows the run and shows nothing more
_SECONDS_OF_TICK = 0.5
_LOG_EVERY_S = 10.0
_BAR_COLUMNS = 30
_FIGURE_COLUMNS = 44  # of the longest figures beside the bar
_CLEAR_LINE = "\r\x1b[K"
_MEGABYTE = 1e6


class LogPace:
    """Says when a log gets its next line. Steps that follow each other share it: ten short steps are a long run."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Begin to wait for the first line."""
        self._clock = clock
        self._last = clock()

    def is_due(self) -> bool:
        """Return whether to write a line now; if so, wait for the next one."""
        now = self._clock()
        if now - self._last < _LOG_EVERY_S:
            return False
        self._last = now
        return True


class ProgressBar:
    """Shows the progress of a run. A hidden bar only prints notes. Use it as a context manager."""

    def __init__(
        self,
        total: int | None,
        stream: TextIO,
        *,
        is_shown: bool,
        clock: Callable[[], float] = monotonic,
        step: str = "",
        in_megabytes: bool = False,
        already: int = 0,
        pace: LogPace | None = None,
    ) -> None:
        """Begin to count.

        Args:
            total: Number of items; 1 for a step without items, None if it is not known.
            stream: The stream of the bar, usually standard error.
            is_shown: Whether to show the bar. On a stream that is not a terminal, it is a plain line now and then.
            clock: Returns seconds.
            step: Name of the step; empty for none.
            in_megabytes: Whether items are bytes, shown in MB.
            already: How many were done before; they do not count for the rate.
            pace: Of the lines in a log; None for a new one.
        """
        self._total, self._stream, self._clock, self._step = total, stream, clock, step
        self._in_megabytes = in_megabytes
        self._is_shown, self._is_terminal = is_shown, stream.isatty()
        self._pace = pace or LogPace(clock)
        self._done = self._already = already
        self._started = self._drawn = clock()
        self._is_paused = False
        self._lock = threading.RLock()
        self._is_over = threading.Event()

    def __enter__(self) -> ProgressBar:
        if self._is_shown:
            threading.Thread(target=self._tick, name="progress", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        with self._lock:
            self._clear()

    @property
    def step(self) -> str:
        """Name of the step."""
        return self._step

    @property
    def _is_one_piece(self) -> bool:
        """Whether the step has no items to count, so that only its time is shown."""
        return bool(self._step) and self._total == 1

    def advance(self) -> None:
        """Count one more."""
        self.advance_to(self._done + 1)

    def advance_to(self, done: int) -> None:
        """Count so many, altogether."""
        self._done = done
        if self._clock() - self._drawn >= _SECONDS_BETWEEN or done == self._total:
            self._show()

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        with self._lock:
            self._clear()
            print(text, file=self._stream, flush=True)

    def pause(self) -> None:
        """Show nothing until `resume`: a step inside this one is shown."""
        with self._lock:
            self._clear()
            self._is_paused = True

    def resume(self) -> None:
        """Show the bar again."""
        self._is_paused = False

    def _tick(self) -> None:
        while not self._is_over.wait(_SECONDS_OF_TICK):
            with suppress(OSError, ValueError):  # the stream was closed; the command reports it
                self._show()

    def _show(self) -> None:
        with self._lock:
            if not self._is_shown or self._is_paused or self._is_over.is_set():
                return
            now = self._clock()
            if self._is_terminal:
                self._drawn = now
                self._stream.write(_CLEAR_LINE + self._line(now - self._started))
                self._stream.flush()
            elif self._pace.is_due():
                print(_joined(self._step, self._figures(now - self._started)), file=self._stream, flush=True)

    def _clear(self) -> None:
        if self._is_shown and self._is_terminal and not self._is_paused:
            self._stream.write(_CLEAR_LINE)
            self._stream.flush()

    def _line(self, seconds: float) -> str:
        from edge_identify.edge_runtime.terminal.terminal_text import screen_of, shortened

        figures, width = self._figures(seconds), screen_of(self._stream).width
        columns = min(_BAR_COLUMNS, width - _FIGURE_COLUMNS - len(self._step))
        if columns <= 0 or self._total is None or self._is_one_piece:
            return shortened(_joined(self._step, figures), width - 1)  # a longer line cannot be cleared
        filled = columns * min(self._done, self._total) // self._total if self._total else columns
        return _joined(self._step, f"[{'#' * filled}{'-' * (columns - filled)}]", figures)

    def _figures(self, seconds: float) -> str:
        taken = _clock_time(seconds)
        if self._is_one_piece:
            return taken
        rate = (self._done - self._already) / seconds if seconds > 0 else 0.0
        if self._total is None:
            return f"{self._amount(self._done)}  {self._rate(rate)}  {taken}"
        left = _clock_time((self._total - self._done) / rate) if rate else "?"
        unit = " MB" if self._in_megabytes else ""
        return f"{self._amount(self._done)}/{self._amount(self._total)}{unit}  {self._rate(rate)}  {left} left"

    def _amount(self, count: int) -> str:
        return f"{count / _MEGABYTE:.1f}" if self._in_megabytes else str(count)

    def _rate(self, rate: float) -> str:
        return f"{rate / _MEGABYTE:.1f} MB/s" if self._in_megabytes else f"{rate:.1f}/s"


def _joined(*parts: str) -> str:
    return "  ".join(part for part in parts if part)


def _clock_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
