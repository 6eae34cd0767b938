"""Taking turns at what needs memory and processors.

A newcomer would decode as many photos as there are connections: sixteen of 100 megapixels are 5 GB. Here a few are
decoded and embedded at a time, the others wait, and who would wait too long is told to come back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore


class BusyError(Exception):
    """No turn came in time."""


class ConcurrencyLimit:
    """So many turns at a time."""

    def __init__(self, count: int, *, patience_s: float) -> None:
        """Begin with all turns free.

        Args:
            count: ConcurrencyLimit at a time, at least 1.
            patience_s: How long one waits for a turn.
        """
        self._free, self.patience_s = BoundedSemaphore(count), patience_s

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a turn and hold it while the block runs.

        Raises:
            BusyError: None came in time.
        """
        if not self._free.acquire(timeout=self.patience_s):
            raise BusyError(f"no turn within {self.patience_s:g} s")
        try:
            yield
        finally:
            self._free.release()
