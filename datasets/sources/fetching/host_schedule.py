"""Which address is fetched next: a few at once from each host, none while its host asks to be left alone.

A newcomer would let each worker sleep between its attempts. Sixteen workers that sleep fetch nothing: here what is
to be tried again goes back into the queue with a time, and a worker takes what is ready. Pure: the clock is passed in.
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
    """What is still to be fetched. Not safe to share without a lock."""

    def __init__(self, addresses: Iterable[str], *, per_host: int) -> None:
        """Queue the addresses.

        Args:
            addresses: Distinct.
            per_host: How many of one host may be on their way at once.
        """
        self._per_host = per_host
        self._order = 0
        self._hosts: dict[str, _Host] = {}
        for address in addresses:
            self._put(address, 0.0)
        self._turns = deque(self._hosts)  # so that a host with many pictures does not keep the others waiting

    @property
    def is_done(self) -> bool:
        """Whether nothing waits and nothing is on its way."""
        return not any(host.waiting or host.in_flight for host in self._hosts.values())

    def take(self, now: float) -> str | None:
        """Return an address to fetch now, or None if none is ready."""
        for _ in range(len(self._turns)):
            name = self._turns[0]
            self._turns.rotate(-1)
            host = self._hosts[name]
            if host.waiting and host.in_flight < self._per_host and host.ready_at() <= now:
                host.in_flight += 1
                return heapq.heappop(host.waiting)[2]
        return None

    def wait_s(self, now: float) -> float | None:
        """Return in how many seconds something is ready, or None if that depends on what is on its way."""
        times = [host.ready_at() for host in self._hosts.values() if host.waiting and host.in_flight < self._per_host]
        return max(min(times) - now, 0.0) if times else None

    def finish(self, address: str) -> None:
        """Note that an address that was taken is dealt with."""
        self._host(address).in_flight -= 1

    def retry(self, address: str, at: float) -> None:
        """Put an address that was taken back, to be ready at a time."""
        self.finish(address)
        self._put(address, at)

    def pause_host(self, address: str, until: float) -> None:
        """Ask nothing of an address's host before a time."""
        host = self._host(address)
        host.paused_until = max(host.paused_until, until)

    def give_up_host(self, address: str) -> list[str]:
        """Take out and return all that waits for an address's host."""
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
