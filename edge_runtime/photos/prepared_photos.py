"""Photos decoded and preprocessed for one or more encoders, one of them in a background thread.

Pillow releases Python's lock (the GIL) while it decodes and resizes. So `PhotoInPreparation` prepares a photo on a
second core while the first core loads the encoder. Only the encoder's pixels are kept, so a waiting photo needs little
memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING, Generic, Self, TypeAlias, TypeVar

from edge_identify.edge_runtime.photos.images import decode_photo, open_photo
from edge_identify.edge_runtime.photos.preprocessing import Preprocessing, enough_px, photo_views

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.photos.decoded_photo import DecodedPhoto
    from edge_identify.edge_runtime.photos.photo_inputs import OpenedPhoto
    from edge_identify.edge_runtime.photos.position import Position
    from edge_identify.edge_runtime.photos.regions import Region

    Photo: TypeAlias = Path | OpenedPhoto  # a photo's file, or a photo that was read from elsewhere
    PositionOf = Callable[[Photo], Position | None]


P = TypeVar("P")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoForRecipes:
    """A photo as the input of several encoders.

    Attributes:
        photo: The photo's file, or the photo; None if it will not be compared.
        by_recipe: The photo, prepared by each recipe.
    """

    photo: Photo | None
    by_recipe: Mapping[Preprocessing, PreparedPhoto]

    @property
    def seconds(self) -> float:
        """Wall time of all preparations."""
        return sum(prepared.seconds for prepared in self.by_recipe.values())

    @property
    def position(self) -> Position | None:
        """Where the photo was taken; None if unknown or not to be used."""
        return next(iter(self.by_recipe.values())).position


def prepare_photo(
    photo: Photo, recipe: Preprocessing, region: Region | None = None, position_of: PositionOf | None = None
) -> PreparedPhoto:
    """Read a photo and preprocess it for the encoder. A JPEG may be decoded at a reduced size.

    Args:
        photo: The photo's file, or the photo.
        recipe: The recipe recorded in the pack.
        region: The part of the photo to use; None for all of it.
        position_of: Returns the photo's position; None uses no position.

    Raises:
        PhotoError: The photo cannot be used, or the region is not inside it.
    """
    started = perf_counter()
    pixels = photo_views(_decoded(photo, enough_px(recipe), region), recipe)
    position = None if position_of is None else position_of(photo)
    return PreparedPhoto(pixels=pixels, seconds=perf_counter() - started, position=position)


def prepare_for_recipes(
    photo: Photo,
    recipes: Iterable[Preprocessing],
    region: Region | None = None,
    position_of: PositionOf | None = None,
) -> PhotoForRecipes:
    """Preprocess a photo for several recipes, for each as `prepare_photo` does. It is decoded once for each size.

    Args:
        photo: The photo's file, or the photo.
        recipes: The recipes, at least one.
        region: As for `prepare_photo`.
        position_of: As for `prepare_photo`.

    Raises:
        PhotoError: As `prepare_photo`.
    """
    started = perf_counter()
    position = None if position_of is None else position_of(photo)
    decoded: dict[int, DecodedPhoto] = {}
    by_recipe: dict[Preprocessing, PreparedPhoto] = {}
    for recipe in dict.fromkeys(recipes):
        enough = enough_px(recipe)
        if enough not in decoded:
            decoded[enough] = _decoded(photo, enough, region)
        pixels = photo_views(decoded[enough], recipe)
        now = perf_counter()
        by_recipe[recipe] = PreparedPhoto(pixels=pixels, seconds=now - started, position=position)
        started = now
    return PhotoForRecipes(photo=photo, by_recipe=by_recipe)


def exif_position_of(photo: Photo) -> Position | None:
    """Return where a photo was taken, as its EXIF says; None if there is no position or it cannot be read."""
    if not isinstance(photo, Path):
        return photo.exif_position()
    from edge_identify.edge_runtime.photos.exif_position import photo_position

    return photo_position(photo)


def _decoded(photo: Photo, enough: int, region: Region | None) -> DecodedPhoto:
    if isinstance(photo, Path):
        return open_photo(photo, enough_px=enough, region=region)
    return photo.decode(enough_px=enough, region=region)


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


class PhotoInPreparation(Generic[P]):
    """A photo that a thread of its own prepares. Use it as a context manager, or call `result`."""

    def __init__(self, prepare: Callable[[], P]) -> None:
        """Start the thread.

        Args:
            prepare: Prepares the photo, with `prepare_photo` for example.
        """
        # Before the thread starts: two threads that import one package at once may see it half loaded.
        import numpy  # noqa: F401
        import PIL.Image  # noqa: F401

        self._prepare = prepare
        self._prepared: P | None = None
        self._error: Exception | None = None
        self._thread = Thread(target=self._run, name="photo")
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()  # decoding changes the process's warning filters: never leave the thread running

    def result(self) -> P:
        """Wait for the photo and return it.

        Raises:
            PhotoError: The photo cannot be used, or the region is not inside it.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._prepared is not None, "a thread that ended without an error has prepared the photo"
        return self._prepared

    def _run(self) -> None:
        try:
            self._prepared = self._prepare()
        except Exception as error:  # raised again by `result`
            self._error = error
