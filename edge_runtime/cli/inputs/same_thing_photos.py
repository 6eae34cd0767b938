"""`--same-thing`: one answer from several photos of the same thing."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.answers.answer import Answer, FurtherPhoto

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification
    from edge_identify.edge_runtime.cli.inputs.photo_batches import ReadyPhoto
    from edge_identify.edge_runtime.photos.prepared_photos import PreparedPhoto


def add_together_option(group: argparse._ArgumentGroup) -> None:
    """Add `--same-thing`."""
    group.add_argument(
        "--same-thing",
        action="store_true",
        help="all photos show the same thing: give one answer from all of them",
    )


def check_together_option(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """End the program with a usage error if `--same-thing` contradicts other options."""
    if options.same_thing and (options.verify_geometry or options.explain):
        parser.error("--same-thing cannot be combined with --verify-geometry or --explain\nboth compare one photo")


def answer_together(
    ready: Iterable[ReadyPhoto | Answer], identify: Callable[[Sequence[PreparedPhoto]], Identification]
) -> Iterator[Answer]:
    """Yield an error for each unusable photo, then one answer from all usable photos.

    Args:
        ready: Prepared photos, and errors of photos that could not be prepared.
        identify: Identifies one thing from at least one prepared photo. Not called if no photo is usable.
    """
    usable: list[ReadyPhoto] = []
    for photo in ready:
        if isinstance(photo, Answer):
            yield photo
        else:
            usable.append(photo)
    if not usable:
        return
    first, *others = usable
    yield Answer(
        kind="photo",
        question=first.path,
        result=identify([photo.prepared for photo in usable]),
        thumbnail=first.thumbnail,
        further_photos=tuple(FurtherPhoto(path=photo.path, thumbnail=photo.thumbnail) for photo in others),
    )
