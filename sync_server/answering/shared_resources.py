"""Things that several threads use at once and that are closed after the last of them, not before.

A newcomer would close a pack when a newer version is there: requests that are reading it would fail. Here what was
withdrawn is lent to nobody any more, and closed when the last borrower has given it back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class _Loan(Generic[T]):
    def __init__(self, value: T) -> None:
        self.value = value
        self.users = 0
        self.is_withdrawn = False


class SharedResources(Generic[K, T]):
    """Things by key, lent to any number of threads at a time."""

    def __init__(self, close: Callable[[T], None], *, most: int | None = None) -> None:
        """Begin with nothing.

        Args:
            close: Called once for each thing, when it is withdrawn and nobody uses it.
            most: How many are kept; beyond, the one that was asked for longest ago is withdrawn. None keeps all.
        """
        self._close, self._most = close, most
        self._loans: OrderedDict[K, _Loan[T]] = OrderedDict()
        self._lock, self._making = Lock(), Lock()

    def keys(self) -> tuple[K, ...]:
        """Return the keys of what can be borrowed."""
        with self._lock:
            return tuple(self._loans)

    def put(self, key: K, value: T) -> None:
        """Lend something from now on, in place of what had its key."""
        with self._lock:
            idle = self._withdrawn(key)
            self._loans[key] = _Loan(value)
            idle += self._beyond()
        self._close_all(idle)

    def withdraw(self, key: K) -> None:
        """Lend something no more; nothing happens where nothing has the key."""
        with self._lock:
            idle = self._withdrawn(key)
        self._close_all(idle)

    @contextmanager
    def borrow(self, key: K, make: Callable[[], T] | None = None) -> Iterator[T]:
        """Lend something while the block runs.

        Args:
            key: Its key.
            make: Makes it where nothing has the key; one is made at a time.

        Raises:
            KeyError: Nothing has the key and nothing makes it.
        """
        loan = self._take(key) or self._make(key, make)
        try:
            yield loan.value
        finally:
            self._give_back(loan)

    def _take(self, key: K) -> _Loan[T] | None:
        with self._lock:
            loan = self._loans.get(key)
            if loan is not None:
                loan.users += 1
                self._loans.move_to_end(key)
            return loan

    def _make(self, key: K, make: Callable[[], T] | None) -> _Loan[T]:
        if make is None:
            raise KeyError(key)
        with self._making:
            if found := self._take(key):  # another thread made it in the meantime
                return found
            loan = _Loan(make())
            loan.users = 1
            with self._lock:
                self._loans[key] = loan
                idle = self._beyond()
        self._close_all(idle)
        return loan

    def _give_back(self, loan: _Loan[T]) -> None:
        with self._lock:
            loan.users -= 1
            is_over = loan.is_withdrawn and loan.users == 0
        if is_over:
            self._close(loan.value)

    def _withdrawn(self, key: K) -> list[_Loan[T]]:
        """Take something out; return it if nobody uses it."""
        loan = self._loans.pop(key, None)
        if loan is None:
            return []
        loan.is_withdrawn = True
        return [] if loan.users else [loan]

    def _beyond(self) -> list[_Loan[T]]:
        idle: list[_Loan[T]] = []
        while self._most is not None and len(self._loans) > self._most:
            idle += self._withdrawn(next(iter(self._loans)))
        return idle

    def _close_all(self, loans: list[_Loan[T]]) -> None:
        for loan in loans:
            self._close(loan.value)
