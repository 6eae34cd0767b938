"""Objects that several threads use and that are closed after their last user.

Trap: closing a pack when a newer version arrives makes running requests fail. A withdrawn object gets no new users; it
is closed when the last one has finished.
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
    """Objects by key, lent to any number of threads at a time. Thread-safe."""

    def __init__(self, close: Callable[[T], None], *, most: int | None = None) -> None:
        """Start empty.

        Args:
            close: Called once for each object that is withdrawn and has no users.
            most: Number of objects to keep. Over it, the least recently used one is withdrawn. None keeps all.
        """
        self._close, self._most = close, most
        self._loans: OrderedDict[K, _Loan[T]] = OrderedDict()
        self._lock, self._making = Lock(), Lock()

    def keys(self) -> tuple[K, ...]:
        """Return the keys of all objects that can be borrowed."""
        with self._lock:
            return tuple(self._loans)

    def put(self, key: K, value: T) -> None:
        """Add an object, and withdraw the object that had its key."""
        with self._lock:
            idle = self._withdrawn(key)
            self._loans[key] = _Loan(value)
            idle += self._beyond()
        self._close_all(idle)

    def withdraw(self, key: K) -> None:
        """Withdraw the object of a key. An unknown key has no effect."""
        with self._lock:
            idle = self._withdrawn(key)
        self._close_all(idle)

    @contextmanager
    def borrow(self, key: K, make: Callable[[], T] | None = None) -> Iterator[T]:
        """Lend an object while the block runs.

        Args:
            key: Its key.
            make: Makes the object if the key is unknown. One object is made at a time.

        Raises:
            KeyError: The key is unknown and `make` is None.
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
        """Remove an object; return it if it has no users."""
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
