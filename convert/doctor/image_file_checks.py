"""Checks of a catalogue's image files: usable, not uniform, large enough, free of personal data.

Each file is read once.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.doctor.findings import Case, DoctorFinding, Severity, finding_of
from edge_identify.convert.doctor.personal_data import personal_data
from edge_identify.datasets.catalogue.reference_images import open_reference_image
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.images import read_image_file
from edge_identify.edge_runtime.photos.preprocessing import Preprocessing, preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.convert.progress import Progress
    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage

# Standard deviation, of 255, of the encoder's pixels in the channel that varies most. Plain surfaces with the noise and
# JPEG of an ordinary simulated photo have 0.3 to 2.6 (40 of them, 128 px); of 81 groceries and 1,051 street mosaics the
# flattest has 8.6.
LEAST_CONTRAST = 4.0

_AHEAD = 32  # images that are read ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedImage:
    """The result of examining an image file.

    Attributes:
        image: Its entry in the catalogue.
        problem: Why the file cannot be used, in one line; None if it can.
        pixels: Input of the encoder, uint8 [size, size, 3]; None if the file cannot be used, or after `without_pixels`.
        short_side_px: Shorter side of the image; 0 if it cannot be used.
        contrast: Standard deviation of the pixels, 0 to 255, in the channel that varies most.
        personal: Kinds of personal data in the metadata, in words.
    """

    image: CatalogueImage
    problem: str | None = None
    pixels: NDArray[np.uint8] | None = None
    short_side_px: int = 0
    contrast: float = 0.0
    personal: tuple[str, ...] = ()

    def without_pixels(self) -> ExaminedImage:
        """Return a copy without the pixels, which take memory."""
        return replace(self, pixels=None)


def examine_images(
    images: Sequence[CatalogueImage], recipe: Preprocessing, progress: Progress
) -> Iterator[ExaminedImage]:
    """Examine each image file; yield the results in order.

    Args:
        images: The catalogue's images.
        recipe: The encoder's preprocessing.
        progress: Shows the progress over the images.
    """

    def examine(image: CatalogueImage) -> ExaminedImage:
        try:
            return _examine(image, recipe)
        except PhotoError as error:
            return ExaminedImage(image=image, problem=str(error))

    with ThreadPoolExecutor(os.cpu_count()) as threads:  # decoding runs outside Python's lock
        ahead = deque[Future[ExaminedImage]]()
        for image in progress("reading images", images):
            ahead.append(threads.submit(examine, image))
            if len(ahead) == _AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def image_findings(examined: Sequence[ExaminedImage], recipe: Preprocessing) -> list[DoctorFinding | None]:
    """Return the findings about image files.

    Args:
        examined: All image files, as `examine_images` yields them.
        recipe: The encoder's preprocessing; its size decides which images are small.
    """
    usable = [each for each in examined if each.problem is None]
    return [
        finding_of(
            "unusable-picture",
            Severity.SERIOUS,
            "images that cannot be used; a build skips them",
            "put the files back, or add the images again with `edge-build add`",
            (_case(each, str(each.problem)) for each in examined if each.problem is not None),
        ),
        finding_of(
            "uniform-picture",
            Severity.WARNING,
            "images of nearly one colour; photos without detail will match them",
            "replace them with images that show the things",
            (_case(each, str(each.image.path)) for each in usable if each.contrast < LEAST_CONTRAST),
        ),
        finding_of(
            "small-picture",
            Severity.WARNING,
            f"images whose shorter side has less than half of the encoder's {recipe.size_px} pixels",
            "use larger images: missing detail cannot be compared",
            (_case(each, f"{each.short_side_px} px") for each in usable if 2 * each.short_side_px < recipe.size_px),
        ),
        finding_of(
            "personal-data",
            Severity.WARNING,
            "image files whose metadata holds personal data: the place, the photographer or the camera",
            "remove the metadata before you pass the files on; a pack does not hold the files themselves",
            (_case(each, f"{each.image.path}: {', '.join(each.personal)}") for each in usable if each.personal),
        ),
    ]


def _examine(image: CatalogueImage, recipe: Preprocessing) -> ExaminedImage:
    opened = open_reference_image(image)
    pixels = preprocess(opened, recipe)
    return ExaminedImage(
        image=image,
        pixels=pixels,
        short_side_px=min(opened.size),
        contrast=float(pixels.reshape(-1, 3).std(axis=0).max()),
        personal=personal_data(read_image_file(image.path)),
    )


def _case(examined: ExaminedImage, detail: str) -> Case:
    return Case(ids=(examined.image.reference_id,), detail=detail)
