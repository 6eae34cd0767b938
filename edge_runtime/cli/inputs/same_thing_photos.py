"""`--same-thing`: several photos of one thing on their way to one answer."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.answers.answer import Answer, FurtherPhoto

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification
    from edge_identify.edge_runtime.cli.inputs.photo_batches import ReadyPhoto
    from edge_identify.edge_runtime.photos.prepared_photos import PreparedPhoto


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
    ready: Iterable[ReadyPhoto | Answer], identify: Callable[[Sequence[PreparedPhoto]], Identification]
) -> Iterator[Answer]:
    """Yield what is wrong with photos that cannot be used, and then the one answer that the others give.

    Args:
        ready: The photos, and what was answered without them.
        identify: Answers some prepared photos of one thing, at least one; where none can be used it is not asked.
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
