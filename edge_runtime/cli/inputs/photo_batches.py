"""Many photos: decoded ahead by a few threads, embedded in batches, answered in order.

Memory does not grow with the number of photos: few are decoded ahead, and only the encoder's input and a thumbnail of
each are kept. Trap: warning filters belong to the process, so threads must not set and restore them each for itself.
"""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.answers.answer import Answer
from edge_identify.edge_runtime.errors import PhotoError

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification
    from edge_identify.edge_runtime.photos.prepared_photos import PreparedPhoto
    from edge_identify.edge_runtime.photos.regions import Region

BATCH = 16  # photos that are embedded together
_THREADS = 4  # at most, for decoding: each may hold a photo of 100 megapixels, 300 MB
_AHEAD = 2 * BATCH  # photos that are prepared while a batch is embedded


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyPhoto:
    """A decoded photo.

    Attributes:
        path: The path as given.
        prepared: The encoder's input.
        thumbnail: The photo as a small JPEG; None if no output shows photos.
    """

    path: str
    prepared: PreparedPhoto
    thumbnail: bytes | None


def make_ready(
    asked: str | Answer,
    *,
    prepare: Callable[[Path], PreparedPhoto],
    with_thumbnail: bool,
    region: Region | None = None,
) -> ReadyPhoto | Answer:
    """Decode a photo; an unusable photo becomes an answer with its error.

    Args:
        asked: The path of the photo, or an answer that needs no decoding, which is returned as it is.
        prepare: Makes the encoder's input from a file.
        with_thumbnail: Whether to make a thumbnail too.
        region: The region of the photo to use and to show; None for all of it.
    """
    if isinstance(asked, Answer):
        return asked
    try:
        prepared = prepare(Path(asked))
        thumbnail = _thumbnail(asked, region) if with_thumbnail else None
    except PhotoError as error:
        return Answer(kind="photo", question=asked, result=error)
    return ReadyPhoto(path=asked, prepared=prepared, thumbnail=thumbnail)


def _thumbnail(path: str, region: Region | None) -> bytes:
    from edge_identify.edge_runtime.photos.small_jpegs import photo_thumbnail

    return photo_thumbnail(Path(path), region)


def ready_photos(
    asked: Iterable[str | Answer], make_one_ready: Callable[[str | Answer], ReadyPhoto | Answer]
) -> Generator[ReadyPhoto | Answer, None, None]:
    """Yield photos decoded ahead by a few threads, in the given order. Close the generator to stop early."""
    to_come = iter(asked)
    coming = list(islice(to_come, _AHEAD))
    if not coming:
        return
    from concurrent.futures import ThreadPoolExecutor

    threads = ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1), thread_name_prefix="photo")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # here, once for all threads
        try:
            waiting = deque(threads.submit(make_one_ready, photo) for photo in coming)
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(threads.submit(make_one_ready, photo) for photo in islice(to_come, 1))
        finally:
            threads.shutdown(cancel_futures=True)


def answers_in_batches(
    ready: Iterable[ReadyPhoto | Answer], identify: Callable[[Sequence[PreparedPhoto]], list[Identification]]
) -> Iterator[Answer]:
    """Yield the answers in the order of the photos, batch by batch.

    Args:
        ready: Prepared photos, and errors of photos that could not be prepared.
        identify: Identifies at least one prepared photo.
    """
    to_come = iter(ready)
    while batch := list(islice(to_come, BATCH)):
        prepared = [photo.prepared for photo in batch if isinstance(photo, ReadyPhoto)]
        found = iter(identify(prepared) if prepared else [])
        for photo in batch:
            if isinstance(photo, ReadyPhoto):
                yield Answer(kind="photo", question=photo.path, result=next(found), thumbnail=photo.thumbnail)
            else:
                yield photo
