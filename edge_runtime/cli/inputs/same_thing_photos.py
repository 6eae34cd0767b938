"""`--same-thing`: one answer from several photos of the same thing."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
from edge_identify.edge_runtime.errors import PhotoError

if TYPE_CHECKING:
    from edge_identify.edge_runtime.search.photo_batches import ReadyPhoto

P = TypeVar("P")


def add_together_option(group: argparse._ArgumentGroup) -> None:
    """Add `--same-thing`."""
    group.add_argument(
        "--same-thing",
        action="store_true",
        help="all photos show the same thing: give one answer from all of them",
    )


def check_together_option(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """End the program with a usage error if `--same-thing` contradicts other options."""
    if options.same_thing and options.explain:
        parser.error("--same-thing cannot be combined with --explain\n--explain draws one photo")


def answer_together(
    ready: Iterable[ReadyPhoto[P] | FailedPhoto], identify: Callable[[Sequence[P]], Identification]
) -> Iterator[Identification | FailedPhoto]:
    """Yield what is wrong with photos that cannot be used, and then the one answer that the others give.

    Args:
        ready: The photos, and the failures among them.
        identify: Answers some prepared photos of one thing, at least one; where none can be used it is not asked.
    """
    usable: list[ReadyPhoto[P]] = []
    for photo in ready:
        if isinstance(photo, FailedPhoto):
            yield photo
        else:
            usable.append(photo)
    if not usable:
        return
    first, *others = (photo.path for photo in usable)
    try:
        answer = identify([photo.prepared for photo in usable])
    except PhotoError as error:  # it could be read a moment ago
        yield FailedPhoto(question=first, error=error)
        return
    yield replace(
        answer,
        question=first,
        further_photos=tuple(others),
        thumbnails=tuple(photo.thumbnail for photo in usable if photo.thumbnail is not None),
    )
