"""`--same-thing`: several photos of one thing on their way to one answer."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification

if TYPE_CHECKING:
    from edge_identify.edge_runtime.photos.prepared_photos import PreparedPhoto
    from edge_identify.edge_runtime.search.photo_batches import ReadyPhoto


def add_together_option(parser: argparse.ArgumentParser) -> None:
    """Add `--same-thing`."""
    parser.add_argument(
        "--same-thing",
        action="store_true",
        help="all photos show one and the same thing, from other sides or once more: answer once, from all of them",
    )


def check_together_option(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """End the program as `parser` does where the options do not go together."""
    if options.same_thing and (options.verify_geometry or options.explain):
        parser.error("--verify-geometry and --explain compare one photo with references; ask without --same-thing")


def answer_together(
    ready: Iterable[ReadyPhoto | FailedPhoto], identify: Callable[[Sequence[PreparedPhoto]], Identification]
) -> Iterator[Identification | FailedPhoto]:
    """Yield what is wrong with photos that cannot be used, and then the one answer that the others give.

    Args:
        ready: The photos, and the failures among them.
        identify: Answers some prepared photos of one thing, at least one; where none can be used it is not asked.
    """
    usable: list[ReadyPhoto] = []
    for photo in ready:
        if isinstance(photo, FailedPhoto):
            yield photo
        else:
            usable.append(photo)
    if not usable:
        return
    first, *others = (photo.path for photo in usable)
    yield replace(
        identify([photo.prepared for photo in usable]),
        question=first,
        further_photos=tuple(others),
        thumbnails=tuple(photo.thumbnail for photo in usable if photo.thumbnail is not None),
    )
