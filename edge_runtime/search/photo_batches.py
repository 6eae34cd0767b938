"""Many photos: decoded ahead by a few threads, embedded in batches, answered in order.

Memory does not grow with the number of photos: a few are decoded ahead, and each keeps the encoder's pixels, a
thumbnail, and the photo as it was given if its answer may be compared with it. Trap: warning filters belong to the
process. If each thread silenced Pillow's warnings for itself, the last thread to end would restore the filters of
another thread.
"""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
from edge_identify.edge_runtime.errors import PhotoError

if TYPE_CHECKING:
    from edge_identify.edge_runtime.photos.photo_inputs import OpenedPhoto
    from edge_identify.edge_runtime.photos.prepared_photos import Photo
    from edge_identify.edge_runtime.photos.regions import Region
    from edge_identify.edge_runtime.search.packs_identifier import Compare

T = TypeVar("T")
P = TypeVar("P")  # a prepared photo: for one encoder, or for several

BATCH = 16  # photos that are embedded together
_THREADS = 4  # at most, for decoding: each may hold a photo of 100 megapixels, 300 MB
_AHEAD = 2 * BATCH  # photos that are prepared while a batch is embedded


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyPhoto(Generic[P]):
    """A decoded photo.

    Attributes:
        path: As it was given, or the photo's name.
        prepared: The encoder's input.
        thumbnail: The photo as a small JPEG, if an output shows photos.
        photo: The photo, if its answer may be compared with it.
    """

    path: str
    prepared: P
    thumbnail: bytes | None
    photo: Photo | None = None


def make_ready(
    asked: str | OpenedPhoto | FailedPhoto,
    *,
    prepare: Callable[[Photo], P],
    with_thumbnail: bool,
    region: Region | None = None,
) -> ReadyPhoto[P] | FailedPhoto:
    """Decode a photo. For one that cannot be used, return a `FailedPhoto`.

    Args:
        asked: The photo's path, the photo, or why there is none.
        prepare: Makes the encoder's pixels of a photo.
        with_thumbnail: Make a thumbnail too.
        region: The part of the photo that is used and shown; None for all of it.
    """
    if isinstance(asked, FailedPhoto):
        return asked
    name, photo = (asked, Path(asked)) if isinstance(asked, str) else (asked.name, asked)
    try:
        prepared = prepare(photo)
        thumbnail = _thumbnail(photo, region) if with_thumbnail else None
    except PhotoError as error:
        return FailedPhoto(question=name, error=error)
    return ReadyPhoto(path=name, prepared=prepared, thumbnail=thumbnail)


def _thumbnail(photo: Photo, region: Region | None) -> bytes:
    from edge_identify.edge_runtime.photos.small_jpegs import photo_thumbnail

    return photo_thumbnail(photo, region)


def ready_photos(
    asked: Iterable[T], make_one_ready: Callable[[T], ReadyPhoto[P] | FailedPhoto]
) -> Generator[ReadyPhoto[P] | FailedPhoto, None, None]:
    """Yield prepared photos in the order of `asked`; a few threads prepare them. Close it if it is left early."""
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
    ready: Iterable[ReadyPhoto[P] | FailedPhoto],
    identify: Callable[[Sequence[P]], Sequence[Identification | FailedPhoto]],
    compare: Compare | None = None,
) -> Iterator[Identification | FailedPhoto]:
    """Yield the answers to photos, in their order; those of a batch as soon as it was embedded.

    Args:
        ready: The photos, and the failures among them.
        identify: Answers some prepared photos, at least one; a photo that can no longer be read fails.
        compare: Compares a photo with the matches of its one answer; needs `ReadyPhoto.photo`.
    """
    to_come = iter(ready)
    while batch := list(islice(to_come, BATCH)):
        prepared = [photo.prepared for photo in batch if isinstance(photo, ReadyPhoto)]
        found = iter(identify(prepared) if prepared else [])
        for photo in batch:
            if isinstance(photo, ReadyPhoto):
                thumbnails = () if photo.thumbnail is None else (photo.thumbnail,)
                answer = next(found)
                if compare is not None and photo.photo is not None and isinstance(answer, Identification):
                    try:
                        (answer,) = compare([photo.photo], [answer])
                    except PhotoError as error:  # it could be read a moment ago
                        answer = FailedPhoto(question=photo.path, error=error)
                if isinstance(answer, FailedPhoto):
                    yield replace(answer, question=photo.path)
                else:
                    yield replace(answer, question=photo.path, thumbnails=thumbnails)
            else:
                yield photo
