"""A limit for work that needs much memory and CPU: decoding, text search, comparisons.

Without it, each connection could have a photo of 100 megapixels decoded, 400 MB each. Requests over the limit wait; a
request that waits too long gets `BusyError`. Large photos have a turn of their own, so that others go on beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.images import decoding_cost

if TYPE_CHECKING:
    from edge_identify.edge_runtime.photos.decoding_cost import DecodingCost

DECODING_BYTES = 224 * 2**20  # a PNG of 58 megapixels, a HEIC of 26, a WebP of 14
_MOST_LARGE_WAITING = 8  # large photos in work or in wait: each holds a thread


class BusyError(Exception):
    """No slot became free in time."""


class ConcurrencyLimit:
    """A number of slots. Thread-safe."""

    def __init__(self, count: int, *, patience_s: float, decoding_bytes: int = DECODING_BYTES) -> None:
        """Start with all slots free.

        Args:
            count: ConcurrencyLimit at a time, at least 1.
            patience_s: Longest wait for a slot, in seconds.
            decoding_bytes: Most memory for decoding one photo.
        """
        self._free, self.patience_s = BoundedSemaphore(count), patience_s
        self._large_turn, self._large_queue = BoundedSemaphore(1), BoundedSemaphore(_MOST_LARGE_WAITING)
        self._decoding_bytes = decoding_bytes

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a slot and hold it while the block runs.

        Raises:
            BusyError: No slot became free in time.
        """
        with _held(self._free, self.patience_s):
            yield

    @contextmanager
    def decoding(self, photo: bytes, *, name: str, enough_px: int | None) -> Iterator[None]:
        """Wait for the turn of a photo, and hold a slot while the block decodes it.

        Args:
            photo: The bytes of its file.
            name: Its name in error messages.
            enough_px: As for `decode_photo`.

        Raises:
            BusyError: Its turn did not come in time, or too many large photos wait.
            PhotoError: Decoding it takes too much memory, or it passes another limit.
        """
        with self.slot():
            cost = decoding_cost(photo, name=name, enough_px=enough_px)
        self._check_memory(cost, name)
        with ExitStack() as stack:
            if cost.is_large:
                stack.enter_context(_held(self._large_queue, 0))
                stack.enter_context(_held(self._large_turn, self.patience_s))
            stack.enter_context(self.slot())
            yield

    def _check_memory(self, cost: DecodingCost, name: str) -> None:
        if cost.memory_bytes > self._decoding_bytes:
            raise PhotoError(
                f"{name}: decoding takes {cost.memory_bytes / 2**20:.0f} MiB, more than the "
                f"{self._decoding_bytes / 2**20:.0f} MiB of this server; make it smaller, or save it as a baseline JPEG"
            )


@contextmanager
def _held(free: BoundedSemaphore, patience_s: float) -> Iterator[None]:
    if not free.acquire(timeout=patience_s):
        raise BusyError(f"no free slot within {patience_s:g} s")
    try:
        yield
    finally:
        free.release()
