"""Fetch thousands of images: worker threads share one schedule, and outcomes are yielded as they arrive.

An interrupted run loses nothing: fetched images are in the cache, and the next run does not fetch them again.
"""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from queue import Queue
from typing import TYPE_CHECKING

from edge_identify.datasets.sources.fetching.host_schedule import Schedule
from edge_identify.datasets.sources.fetching.image_fetcher import FetchLimits, ImageFetcher, TransientError
from edge_identify.edge_runtime.errors import NetworkError
from edge_identify.edge_runtime.io.public_addresses import LookUp, is_public, is_public_or_own, look_up

if TYPE_CHECKING:
    from edge_identify.datasets.sources.fetching.image_cache import ImageCache

_MOST_WAITING_S = 3600.0  # upper bound; a waiting thread is notified when there is work


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPolicy:
    """Workers, retries and limits of a run.

    Attributes:
        workers: Maximum number of concurrent requests.
        per_host: The same for one host.
        attempts: Maximum number of attempts for one image.
        backoff_s: Pause before the second attempt; it doubles each time.
        most_backoff_s: Longest pause, also for `Retry-After`. A server that asks for more is not tried again.
        host_failures: After so many failed connections in a row, the run gives a host up.
        fresh_s: Images younger than this are not fetched again, so that an interrupted run continues.
        allow_private: Whether private addresses are allowed; see `public_addresses.is_public_or_own`.
        limits: Limits for each image.
    """

    workers: int = 16
    per_host: int = 8  # browsers use 6
    attempts: int = 5
    backoff_s: float = 0.5
    most_backoff_s: float = 60.0
    host_failures: int = 24
    fresh_s: float = 3600.0
    allow_private: bool = False
    limits: FetchLimits = field(default_factory=FetchLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The outcome of one URL.

    Attributes:
        address: The URL.
        problem: Why there is no image, in one line; None if the image is in the cache.
    """

    address: str
    problem: str | None = None


def fetch_all(
    addresses: Sequence[str], cache: ImageCache, policy: FetchPolicy, *, resolve: LookUp = look_up
) -> Iterator[Fetched]:
    """Fetch images into the cache, and yield the outcome of each URL as it arrives.

    Args:
        addresses: Distinct URLs, http or https.
        cache: Stores the images.
        policy: Workers, retries and limits.
        resolve: Resolves host names.

    Raises:
        OSError: The cache cannot be written.
    """
    fresh = [address for address in addresses if _is_fresh(address, cache, policy)]
    yield from (Fetched(address=address) for address in fresh)
    fresh_ones = frozenset(fresh)
    left = [address for address in addresses if address not in fresh_ones]
    fetcher = ImageFetcher(
        cache,
        policy.limits,
        connections_per_host=policy.per_host,
        may_connect=is_public_or_own if policy.allow_private else is_public,
        resolve=resolve,
    )
    with closing(fetcher):
        run = _Run(left, fetcher.fetch, policy)
        with run.working():
            for _ in left:
                outcome = run.outcomes.get()
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome


def _is_fresh(address: str, cache: ImageCache, policy: FetchPolicy) -> bool:
    entry = cache.entry(address)
    return entry is not None and 0 <= time.time() - entry.fetched_s < policy.fresh_s


class _Run:
    def __init__(self, addresses: Sequence[str], fetch: Callable[[str], None], policy: FetchPolicy) -> None:
        self.outcomes: Queue[Fetched | BaseException] = Queue()
        self._fetch = fetch
        self._policy = policy
        self._schedule = Schedule(addresses, per_host=policy.per_host)
        self._changed = threading.Condition()
        self._is_stopped = False
        self._attempts: defaultdict[str, int] = defaultdict(int)
        self._failures_in_a_row: defaultdict[str, int] = defaultdict(int)  # failed connections by host
        self._workers = min(policy.workers, len(addresses))

    @contextmanager
    def working(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(self._workers)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._is_stopped = True
                self._changed.notify_all()
            for thread in threads:
                thread.join(timeout=self._policy.limits.read_timeout_s)

    def _work(self) -> None:
        while (address := self._take()) is not None:
            try:
                self._settle(address)
            except BaseException as error:  # a full disk or a bug: raised in the thread that reads the outcomes
                self.outcomes.put(error)
                return

    def _take(self) -> str | None:
        with self._changed:
            while not (self._is_stopped or self._schedule.is_done):
                now = time.monotonic()
                if (address := self._schedule.take(now)) is not None:
                    return address
                wait_s = self._schedule.wait_s(now)
                self._changed.wait(_MOST_WAITING_S if wait_s is None else wait_s)
            return None

    def _settle(self, address: str) -> None:
        try:
            self._fetch(address)
        except TransientError as error:
            self._try_again_or_give_up(address, error)
        except NetworkError as error:
            self._finish(address, str(error))
        else:
            self._finish(address, None)

    def _finish(self, address: str, problem: str | None) -> None:
        with self._changed:
            self._failures_in_a_row[_host(address)] = 0
            self._schedule.finish(address)
            self.outcomes.put(Fetched(address=address, problem=problem))
            self._changed.notify_all()

    def _try_again_or_give_up(self, address: str, error: TransientError) -> None:
        with self._changed:
            self._attempts[address] += 1
            self._count_unreachable(address, error)
            asked_s = error.retry_after_s or 0.0
            if self._attempts[address] >= self._policy.attempts or asked_s > self._policy.most_backoff_s:
                self._schedule.finish(address)
                tried = f"failed {self._attempts[address]} times; run again later"
                self.outcomes.put(Fetched(address=address, problem=f"{error}; {tried}"))
            else:
                now = time.monotonic()
                if asked_s:
                    self._schedule.pause_host(address, now + asked_s)
                self._schedule.retry(address, now + max(asked_s, self._backoff_s(address)))
            self._changed.notify_all()

    def _backoff_s(self, address: str) -> float:
        doubled: float = self._policy.backoff_s * 2 ** (self._attempts[address] - 1)
        return min(doubled, self._policy.most_backoff_s) * random.uniform(0.75, 1.25)  # jitter spreads retries

    def _count_unreachable(self, address: str, error: TransientError) -> None:
        host = _host(address)
        self._failures_in_a_row[host] = self._failures_in_a_row[host] + 1 if error.is_unreachable else 0
        if self._failures_in_a_row[host] < self._policy.host_failures:
            return
        for waiting in self._schedule.give_up_host(address):
            reason = f"{waiting}: not fetched: {host} could not be reached {self._failures_in_a_row[host]} times"
            self.outcomes.put(Fetched(address=waiting, problem=f"{reason}; run again later"))


def _host(address: str) -> str:
    return address.split("/")[2].lower()
