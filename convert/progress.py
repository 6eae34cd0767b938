"""Progress of long steps. The export of a large model takes minutes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import Protocol, TypeVar

_Item = TypeVar("_Item")


class Progress(Protocol):
    """Shows how far a step is."""

    def __call__(self, step: str, items: Iterable[_Item], /) -> Iterable[_Item]:
        """Yield `items` unchanged and in order; an item counts as done when the next one is requested.

        Args:
            step: Name of the step, for display.
            items: The items of the step.
        """
        ...


def no_progress(_step: str, items: Iterable[_Item], /) -> Iterable[_Item]:
    """Return `items` and show nothing."""
    return items


def shown_progress(step: str, items: Iterable[_Item]) -> Iterator[_Item]:
    """Yield `items` and show a progress bar on standard error, if that is a terminal."""
    from tqdm import tqdm

    total = len(items) if isinstance(items, Sized) else None
    yield from tqdm(items, desc=step, total=total, disable=None, leave=False)
