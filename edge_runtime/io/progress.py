"""Progress of long steps, as the libraries see it. Commands show it with `terminal.step_progress`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Progress(Protocol):
    """Shows how far a step is."""

    def __call__(self, step: str, items: Iterable[_Item], /) -> Iterable[_Item]:
        """Yield `items` unchanged and in order; an item counts as done when the next one is requested.

        Args:
            step: Name of the step, for display.
            items: The items of the step. Items with a length have a remaining time.
        """
        ...


def no_progress(_step: str, items: Iterable[_Item], /) -> Iterable[_Item]:
    """Return `items` and show nothing."""
    return items


def during(progress: Progress, step: str, work: Callable[[], _Result]) -> _Result:
    """Return the result of a piece of work that has no items; its step is shown with the time that it takes."""
    [result] = [one() for one in progress(step, [work])]
    return result


class Counted(Generic[_Item]):
    """Items that are made while they are taken, and whose number is known.

    No dataclass: each command imports this module, and a dataclass takes half a millisecond.
    """

    def __init__(self, *, items: Iterable[_Item], count: int) -> None:
        """Keep the items.

        Args:
            items: The items.
            count: Their number.
        """
        self._items, self._count = items, count

    def __iter__(self) -> Iterator[_Item]:
        return iter(self._items)

    def __len__(self) -> int:
        return self._count
