"""The catalogue's images as encoder input, in batches.

An image that is missing or was changed after it was added is skipped with its path and reason; the run continues.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.datasets.catalogue.skipped_image import SkippedImage
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes, sha256_of_file
from edge_identify.edge_runtime.photos.images import decode_image, read_image_file
from edge_identify.edge_runtime.photos.preprocessing import Preprocessing, preprocess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage

    ImageProgress = Callable[[Iterable[CatalogueImage]], Iterable[CatalogueImage]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBatch:
    """A batch of encoder input.

    Attributes:
        images: The catalogue's entries.
        pixels: uint8 [size, size, 3] each, in the same order.
    """

    images: tuple[CatalogueImage, ...]
    pixels: tuple[NDArray[np.uint8], ...]


def open_reference_image(image: CatalogueImage) -> Image:
    """Open an image of the catalogue as upright RGB.

    Raises:
        PhotoError: The file is missing, broken, or was changed after it was added.
    """
    data = read_image_file(image.path)
    if sha256_of_bytes(data) != image.sha256:
        raise PhotoError(f"{image.path}: has changed since it was added; run `edge-build add` again")
    return decode_image(data, name=str(image.path))


def reason_not_to_use(image: CatalogueImage) -> str | None:
    """Return why an image's file is not the one that was added, without decoding it; None if it is."""
    try:
        is_same = sha256_of_file(image.path) == image.sha256
    except FileNotFoundError:
        return f"{image.path}: no such file"
    except OSError as error:
        return f"{image.path}: cannot be read ({error.strerror})"
    return None if is_same else f"{image.path}: has changed since it was added; run `edge-build add` again"


def image_batches(
    images: Sequence[CatalogueImage],
    recipe: Preprocessing,
    *,
    size: Callable[[], int],
    left_out: list[SkippedImage],
    progress: ImageProgress,
) -> Iterator[ImageBatch]:
    """Yield the preprocessed images in order, in batches.

    Args:
        images: Images of the catalogue.
        recipe: The encoder's preprocessing.
        size: Returns the size of the next batch.
        left_out: Skipped images are appended to it.
        progress: Wraps the iteration over the images.
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
