"""The order of fetching: a few URLs at once for each host, and none while a host asks for a pause.

A failed URL goes back into the queue with a time, and a worker takes what is ready. Workers never sleep between
attempts: 16 sleeping workers would fetch nothing. The clock is passed in.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(slots=True)
class _Host:
    waiting: list[tuple[float, int, str]] = field(default_factory=list)  # a heap of (ready at, order, address)
    in_flight: int = 0
    paused_until: float = 0.0

    def ready_at(self) -> float:
        return max(self.waiting[0][0], self.paused_until)


class Schedule:
    """The URLs to fetch. Not thread-safe: callers hold a lock."""

    def __init__(self, addresses: Iterable[str], *, per_host: int) -> None:
        """Queue URLs.

        Args:
            addresses: Distinct URLs.
            per_host: Maximum number of concurrent requests to one host.
        """
        self._per_host = per_host
        self._order = 0
        self._hosts: dict[str, _Host] = {}
        for address in addresses:
            self._put(address, 0.0)
        self._round = deque(self._hosts)  # round robin: a host with many images does not block the others

    @property
    def is_done(self) -> bool:
        """Whether no URL waits or is being fetched."""
        return not any(host.waiting or host.in_flight for host in self._hosts.values())

    def take(self, now: float) -> str | None:
        """Return a URL to fetch at time `now`, or None if none is ready."""
        for _ in range(len(self._round)):
            name = self._round[0]
            self._round.rotate(-1)
            host = self._hosts[name]
            if host.waiting and host.in_flight < self._per_host and host.ready_at() <= now:
                host.in_flight += 1
                return heapq.heappop(host.waiting)[2]
        return None

    def wait_s(self, now: float) -> float | None:
        """Return the seconds until a URL is ready, or None if that depends on running requests."""
        times = [host.ready_at() for host in self._hosts.values() if host.waiting and host.in_flight < self._per_host]
        return max(min(times) - now, 0.0) if times else None

    def finish(self, address: str) -> None:
        """Mark a taken URL as finished."""
        self._host(address).in_flight -= 1

    def retry(self, address: str, at: float) -> None:
        """Put a taken URL back, ready at time `at`."""
        self.finish(address)
        self._put(address, at)

    def pause_host(self, address: str, until: float) -> None:
        """Take no URL of this URL's host before time `until`."""
        host = self._host(address)
        host.paused_until = max(host.paused_until, until)

    def give_up_host(self, address: str) -> list[str]:
        """Remove and return all waiting URLs of this URL's host."""
        host = self._host(address)
        left = [waiting for _, _, waiting in sorted(host.waiting)]
        host.waiting.clear()
        return left

    def _host(self, address: str) -> _Host:
        return self._hosts[_host_name(address)]

    def _put(self, address: str, ready_at: float) -> None:
        self._order += 1
        host = self._hosts.setdefault(_host_name(address), _Host())
        heapq.heappush(host.waiting, (ready_at, self._order, address))


def _host_name(address: str) -> str:
    return urlsplit(address).netloc.lower()
