"""So many questions in a minute from one address, and no more.

Each address has a bucket of a minute's questions that fills again evenly. A newcomer would keep a bucket for every
address that ever asked: only the last few thousand are kept, and who was forgotten begins with a full one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from threading import Lock
from time import monotonic

_ADDRESSES_KEPT = 10_000


class RateLimit:
    """A rate that each address keeps to."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = monotonic) -> None:
        """Begin with full buckets.

        Args:
            per_minute: Questions in a minute; 0 for any number.
            clock: Seconds.
        """
        self._per_minute, self._clock = per_minute, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when that was so
        self._lock = Lock()

    def wait_s(self, address: str) -> int:
        """Take a question from an address's bucket; return 0, or after how many seconds there is one again."""
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
