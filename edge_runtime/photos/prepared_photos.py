"""Photos made ready for an encoder, and one of them made ready while something else is done.

Pillow decodes and resizes without holding Python's lock, so a photo is prepared on a second core while the first one
loads the encoder: a start that took the sum of both takes the longer of them. Only the encoder's few
pixels are kept, so that a photo that waits costs no memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.photos.images import decode_photo, open_photo
from edge_identify.edge_runtime.photos.preprocessing import Preprocessing, enough_px, photo_views

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.photos.position import Position
    from edge_identify.edge_runtime.photos.regions import Region

    PositionOf = Callable[[Path], Position | None]  # says where the photo of a file was taken


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPhoto:
    """What an encoder takes of a photo.

    Attributes:
        pixels: uint8 [views, size, size, 3].
        seconds: Wall time that reading, decoding and resizing took.
        position: Where it was taken; None where that is not known, or not to be used.
    """

    pixels: NDArray[np.uint8]
    seconds: float
    position: Position | None = None


def prepare_photo(
    path: Path, recipe: Preprocessing, region: Region | None = None, position_of: PositionOf | None = None
) -> PreparedPhoto:
    """Read a photo's file and make the encoder's pixels of it; a JPEG may be decoded smaller.

    Args:
        path: The picture's file.
        recipe: The recipe recorded in the pack.
        region: The part of the photo that is looked at; None for all of it.
        position_of: Says where it was taken; None uses no position.

    Raises:
        PhotoError: The picture cannot be used, or the region is not inside it.
    """
    started = perf_counter()
    pixels = photo_views(open_photo(path, enough_px=enough_px(recipe), region=region), recipe)
    position = None if position_of is None else position_of(path)
    return PreparedPhoto(pixels=pixels, seconds=perf_counter() - started, position=position)


def prepare_photo_bytes(
    data: bytes, recipe: Preprocessing, *, name: str, position: Position | None = None
) -> PreparedPhoto:
    """Make the encoder's pixels of a photo in memory, as `prepare_photo` does of a file.

    Args:
        data: The bytes of the photo's file.
        recipe: The recipe recorded in the pack.
        name: What error messages call the photo.
        position: Where it was taken; None where that is not known, or not to be used.

    Raises:
        PhotoError: The picture cannot be used.
    """
    started = perf_counter()
    pixels = photo_views(decode_photo(data, name=name, enough_px=enough_px(recipe)), recipe)
    return PreparedPhoto(pixels=pixels, seconds=perf_counter() - started, position=position)


class PhotoInPreparation:
    """A photo that a thread of its own prepares. Ask for its `result`, or use it as a context manager."""

    def __init__(
        self, path: Path, recipe: Preprocessing, region: Region | None = None, position_of: PositionOf | None = None
    ) -> None:
        """Begin to prepare a photo; see `prepare_photo`."""
        # Before the thread begins: two threads that import one package at the same time may find it half made.
        import numpy  # noqa: F401
        import PIL.Image  # noqa: F401

        self._path, self._recipe, self._region, self._position_of = path, recipe, region, position_of
        self._prepared: PreparedPhoto | None = None
        self._error: Exception | None = None
        self._thread = Thread(target=self._prepare, name="photo")
        self._thread.start()

    def __enter__(self) -> PhotoInPreparation:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()  # decoding changes the process's warning filters for a while: never leave it behind

    def result(self) -> PreparedPhoto:
        """Wait for the photo and return it.

        Raises:
            PhotoError: The picture cannot be used.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._prepared is not None, "a thread that ended without an error has prepared the photo"
        return self._prepared

    def _prepare(self) -> None:
        try:
            self._prepared = prepare_photo(self._path, self._recipe, self._region, self._position_of)
        except Exception as error:  # raised again where the result is asked for
            self._error = error
