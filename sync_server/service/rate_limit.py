"""A rate limit for each client address: a token bucket with one minute's questions.

The 10,000 most recent addresses are kept. A forgotten address starts with a full bucket.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from threading import Lock
from time import monotonic

_ADDRESSES_KEPT = 10_000


class RateLimit:
    """Token buckets by client address. Thread-safe."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = monotonic) -> None:
        """Start with full buckets.

        Args:
            per_minute: Questions per minute and address; 0 for no limit.
            clock: Monotonic seconds.
        """
        self._per_minute, self._clock = per_minute, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and the time of that count
        self._lock = Lock()

    def wait_s(self, address: str) -> int:
        """Take a token of an address and return 0; or return the seconds until there is one."""
        if not self._per_minute:
            return 0
        with self._lock:
            now = self._clock()
            left, before = self._buckets.pop(address, (float(self._per_minute), now))
            left = min(float(self._per_minute), left + (now - before) * self._per_minute / 60)
            taken = left >= 1
            self._buckets[address] = (left - 1 if taken else left, now)
            if len(self._buckets) > _ADDRESSES_KEPT:
                self._buckets.popitem(last=False)
        return 0 if taken else max(1, ceil((1 - left) * 60 / self._per_minute))
