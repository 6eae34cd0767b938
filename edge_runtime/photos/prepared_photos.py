"""Photos decoded and preprocessed for an encoder, one of them in a background thread.

Pillow releases Python's lock (the GIL) while it decodes and resizes. So `PhotoInPreparation` prepares a photo on a
second core while the first core loads the encoder. Only the encoder's pixels are kept, so a waiting photo needs little
memory.
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

    PositionOf = Callable[[Path], Position | None]  # returns the position of a photo's file


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPhoto:
    """A photo as the encoder's input.

    Attributes:
        pixels: uint8 [views, size, size, 3].
        seconds: Wall time of reading, decoding and resizing.
        position: Where the photo was taken; None if unknown or not to be used.
    """

    pixels: NDArray[np.uint8]
    seconds: float
    position: Position | None = None


def prepare_photo(
    path: Path, recipe: Preprocessing, region: Region | None = None, position_of: PositionOf | None = None
) -> PreparedPhoto:
    """Read a photo's file and preprocess it for the encoder. A JPEG may be decoded at a reduced size.

    Args:
        path: The photo's file.
        recipe: The recipe recorded in the pack.
        region: The part of the photo to use; None for all of it.
        position_of: Returns the photo's position; None uses no position.

    Raises:
        PhotoError: The photo cannot be used, or the region is not inside it.
    """
    started = perf_counter()
    pixels = photo_views(open_photo(path, enough_px=enough_px(recipe), region=region), recipe)
    position = None if position_of is None else position_of(path)
    return PreparedPhoto(pixels=pixels, seconds=perf_counter() - started, position=position)


def prepare_photo_bytes(
    data: bytes, recipe: Preprocessing, *, name: str, position: Position | None = None
) -> PreparedPhoto:
    """Preprocess a photo in memory for the encoder, as `prepare_photo` does for a file.

    Args:
        data: The bytes of the photo's file.
        recipe: The recipe recorded in the pack.
        name: What error messages call the photo.
        position: Where the photo was taken; None if unknown or not to be used.

    Raises:
        PhotoError: The photo cannot be used.
    """
    started = perf_counter()
    pixels = photo_views(decode_photo(data, name=name, enough_px=enough_px(recipe)), recipe)
    return PreparedPhoto(pixels=pixels, seconds=perf_counter() - started, position=position)


class PhotoInPreparation:
    """A photo that a thread of its own prepares. Use it as a context manager, or call `result`."""

    def __init__(
        self, path: Path, recipe: Preprocessing, region: Region | None = None, position_of: PositionOf | None = None
    ) -> None:
        """Start the thread; the arguments are those of `prepare_photo`."""
        # Before the thread starts: two threads that import one package at once may see it half loaded.
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
        self._thread.join()  # decoding changes the process's warning filters: never leave the thread running

    def result(self) -> PreparedPhoto:
        """Wait for the photo and return it.

        Raises:
            PhotoError: The photo cannot be used, or the region is not inside it.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._prepared is not None, "a thread that ended without an error has prepared the photo"
        return self._prepared

    def _prepare(self) -> None:
        try:
            self._prepared = prepare_photo(self._path, self._recipe, self._region, self._position_of)
        except Exception as error:  # raised again by `result`
            self._error = error
