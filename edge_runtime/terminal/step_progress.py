"""Shows the steps of a command on standard error, one after the other. Of a step inside a step, the inner is shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from time import monotonic
from typing import TextIO, TypeVar

from edge_identify.edge_runtime.terminal.progress_bar import LogPace, ProgressBar

_Item = TypeVar("_Item")


class StepProgress:
    """A `Progress` that is shown."""

    def __init__(self, stream: Callable[[], TextIO], clock: Callable[[], float] = monotonic) -> None:
        """Set up.

        Args:
            stream: Returns the stream to show on.
            clock: Returns seconds.
        """
        self._stream, self._clock = stream, clock
        self._bars: list[ProgressBar] = []
        self._pace: LogPace | None = None
        self._reported: ProgressBar | None = None

    def __call__(self, step: str, items: Iterable[_Item], /) -> Iterator[_Item]:
        """Yield `items` and show how many are done; see `Progress`."""
        with self._shown(step, len(items) if isinstance(items, Sized) else None) as bar:
            for item in items:
                yield item
                bar.advance()

    def report(self, step: str, done: int, total: int) -> None:
        """Show a count that the work reports by itself. A step begins with its first report and ends with its last."""
        self._report(step, done, total, in_megabytes=False)

    def report_bytes(self, step: str, done: int, total: int) -> None:
        """Show a count of bytes; see `report`."""
        self._report(step, done, total, in_megabytes=True)

    def note(self, text: str) -> None:
        """Print a line above what is shown."""
        if self._bars:
            self._bars[-1].note(text)
        else:
            print(text, file=self._stream(), flush=True)

    @contextmanager
    def closing(self) -> Iterator[None]:
        """End all steps with the block, so that an error message stands on its own line."""
        try:
            yield
        finally:
            while self._bars:
                self._end(self._bars[-1])
            self._pace = self._reported = None

    def _report(self, step: str, done: int, total: int, *, in_megabytes: bool) -> None:
        if self._reported is not None and self._reported.step != step:
            self._end(self._reported)
            self._reported = None
        if self._reported is None:
            self._reported = self._begin(step, total, in_megabytes=in_megabytes, already=done)
        self._reported.advance_to(done)
        if done == total:
            self._end(self._reported)
            self._reported = None

    @contextmanager
    def _shown(self, step: str, total: int | None) -> Iterator[ProgressBar]:
        bar = self._begin(step, total)
        try:
            yield bar
        finally:
            self._end(bar)

    def _begin(self, step: str, total: int | None, *, in_megabytes: bool = False, already: int = 0) -> ProgressBar:
        if self._bars:
            self._bars[-1].pause()
        self._pace = self._pace or LogPace(self._clock)
        bar = ProgressBar(
            total,
            self._stream(),
            is_shown=True,
            clock=self._clock,
            step=step,
            in_megabytes=in_megabytes,
            already=already,
            pace=self._pace,
        )
        self._bars.append(bar)
        return bar.__enter__()

    def _end(self, bar: ProgressBar) -> None:
        if bar not in self._bars:  # `closing` has ended it
            return
        bar.__exit__()
        self._bars.remove(bar)
        if self._bars:
            self._bars[-1].resume()


shown_progress = StepProgress(lambda: sys.stderr)
