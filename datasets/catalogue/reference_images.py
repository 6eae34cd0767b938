"""The reference pictures of a catalogue as an encoder's pixels, a batch at a time.

A picture that has vanished or changed since it was added is left out with its path and reason, and the run goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.datasets.catalogue.skipped_image import SkippedImage
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.photos.images import decode_image, read_image_file
from edge_identify.edge_runtime.photos.preprocessing import Preprocessing, preprocess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.datasets.catalogue.catalogue import CatalogueImage

    ImageProgress = Callable[[Iterable[CatalogueImage]], Iterable[CatalogueImage]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBatch:
    """Some pictures, ready for the encoder.

    Attributes:
        images: Their entries in the catalogue.
        pixels: uint8 [size, size, 3] each, in the same order.
    """

    images: tuple[CatalogueImage, ...]
    pixels: tuple[NDArray[np.uint8], ...]


def open_reference_image(image: CatalogueImage) -> Image:
    """Open a picture of the catalogue as upright RGB.

    Raises:
        PhotoError: It has vanished, is broken, or is not the picture that was added.
    """
    data = read_image_file(image.path)
    if sha256_of_bytes(data) != image.sha256:
        raise PhotoError(f"{image.path}: has changed since it was added; run `edge-build add` again")
    return decode_image(data, name=str(image.path))


def image_batches(
    images: Sequence[CatalogueImage],
    recipe: Preprocessing,
    *,
    size: Callable[[], int],
    left_out: list[SkippedImage],
    progress: ImageProgress,
) -> Iterator[ImageBatch]:
    """Yield all pictures in order, a batch at a time.

    Args:
        images: The catalogue's pictures.
        recipe: From picture to pixels.
        size: Says how many the next batch is to have.
        left_out: Takes the pictures that could not be used.
        progress: Wraps the pictures to show how far the run is.
    """
    waiting: list[tuple[CatalogueImage, NDArray[np.uint8]]] = []
    for image in progress(images):
        try:
            waiting.append((image, preprocess(open_reference_image(image), recipe)))
        except PhotoError as error:
            left_out.append(SkippedImage(path=image.path, reason=str(error)))
        if len(waiting) >= size():
            yield _batch(waiting)
            waiting = []
    if waiting:
        yield _batch(waiting)


def _batch(waiting: list[tuple[CatalogueImage, NDArray[np.uint8]]]) -> ImageBatch:
    images, pixels = zip(*waiting, strict=True)
    return ImageBatch(images=images, pixels=pixels)
