"""How long steps tell how far they are: an export of a large model takes minutes, and a silent program looks dead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import Protocol, TypeVar

_Item = TypeVar("_Item")


class Progress(Protocol):
    """Shows how far a step is: given its name and what it goes through, returns the same things, counted."""

    def __call__(self, step: str, items: Iterable[_Item], /) -> Iterable[_Item]:
        """Return `items`; each is done when the next is asked for."""
        ...


def no_progress(_step: str, items: Iterable[_Item], /) -> Iterable[_Item]:
    """Return the items as they are: the progress of someone who does not want to see any."""
    return items


def shown_progress(step: str, items: Iterable[_Item]) -> Iterator[_Item]:
    """Yield the items, showing on standard error, where that is a terminal, how far the step is."""
    from tqdm import tqdm

    total = len(items) if isinstance(items, Sized) else None
    yield from tqdm(items, desc=step, total=total, disable=None, leave=False)
