"""A limit for work that needs much memory and CPU: decoding and embedding.

Without it, 16 connections could decode 16 photos of 100 megapixels at once, 5 GB. Requests over the limit wait; a
request that waits too long gets `BusyError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore


class BusyError(Exception):
    """No slot became free in time."""


class ConcurrencyLimit:
    """A number of slots. Thread-safe."""

    def __init__(self, count: int, *, patience_s: float) -> None:
        """Start with all slots free.

        Args:
            count: ConcurrencyLimit at a time, at least 1.
            patience_s: Longest wait for a slot, in seconds.
        """
        self._free, self.patience_s = BoundedSemaphore(count), patience_s

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a slot and hold it while the block runs.

        Raises:
            BusyError: No slot became free in time.
        """
        if not self._free.acquire(timeout=self.patience_s):
            raise BusyError(f"no free slot within {self.patience_s:g} s")
        try:
            yield
        finally:
            self._free.release()
