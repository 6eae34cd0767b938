"""When to ask again, and how fast to read: pauses with jitter, `Retry-After`, and a limit of the rate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LEAST_SHARE, _MOST_SHARE = 0.5, 1.5


def with_jitter(pause_s: float, chance: Callable[[], float]) -> float:
    """Return a pause of half to one and a half its length, so that many devices do not ask at the same moment.

    Args:
        pause_s: Seconds.
        chance: Returns a random number from 0 to 1.
    """
    return pause_s * (_LEAST_SHARE + (_MOST_SHARE - _LEAST_SHARE) * chance())


def retry_after_s(header: str | None, now_utc: datetime) -> float | None:
    """Return the seconds that a `Retry-After` asks to wait (RFC 9110, section 10.2.3); None if it says nothing.

    Args:
        header: Its value: seconds, or a date. Anything else is ignored.
        now_utc: The time, with a time zone.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - now_utc).total_seconds())


class RateLimit:
    """Holds a download to a number of bytes per second, on average since the first byte."""

    def __init__(
        self, bytes_per_s: float | None, *, sleep: Callable[[float], None], clock: Callable[[], float]
    ) -> None:
        """Set up.

        Args:
            bytes_per_s: The limit; None for no limit.
            sleep: Waits a number of seconds.
            clock: Monotonic seconds.
        """
        self._bytes_per_s, self._sleep, self._clock = bytes_per_s, sleep, clock
        self._due_s: float | None = None

    def add(self, length_bytes: int) -> None:
        """Count bytes that have arrived, and wait until as many may have. Time without a download is not saved up."""
        if self._bytes_per_s is None:
            return
        now = self._clock()
        self._due_s = max(now, self._due_s or now) + length_bytes / self._bytes_per_s
        self._sleep(self._due_s - now)
