"""The image files of a catalogue, each looked at once: can it be used, is anything on it, whom does it tell of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    from edge_identify.datasets.catalogue.catalogue import CatalogueImage

# Standard deviation, of 255, of the encoder's pixels in the channel that varies most. Plain surfaces with the noise and
# JPEG of an ordinary simulated photo have 0.3 to 2.6 (40 of them, 128 px); of 81 groceries and 1,051 street mosaics the
# flattest has 8.6.
LEAST_CONTRAST = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedImage:
    """What a look at an image file gave.

    Attributes:
        image: Its entry in the catalogue.
        problem: Why it cannot be used, in one line; None if it can.
        pixels: The encoder's, uint8 [size, size, 3]; None if it cannot be used, or they were given away.
        short_side_px: Of the image; 0 if it cannot be used.
        contrast: Standard deviation, of 255, of the pixels in the channel that varies most.
        personal: What its metadata tells, in words.
    """

    image: CatalogueImage
    problem: str | None = None
    pixels: NDArray[np.uint8] | None = None
    short_side_px: int = 0
    contrast: float = 0.0
    personal: tuple[str, ...] = ()

    def without_pixels(self) -> ExaminedImage:
        """Return all but the pixels, which take memory."""
        return replace(self, pixels=None)


def examine_images(
    images: Sequence[CatalogueImage], recipe: Preprocessing, progress: Progress
) -> Iterator[ExaminedImage]:
    """Yield what a look at each image gives, in order.

    Args:
        images: The catalogue's images.
        recipe: From image to pixels.
        progress: Shows how far it is.
    """
    for image in progress("looking at pictures", images):
        try:
            yield _examine(image, recipe)
        except PhotoError as error:
            yield ExaminedImage(image=image, problem=str(error))


def image_findings(examined: Sequence[ExaminedImage], recipe: Preprocessing) -> list[DoctorFinding | None]:
    """Return what is wrong with image files.

    Args:
        examined: All of them.
        recipe: The encoder's; an image may have fewer pixels than it takes.
    """
    usable = [each for each in examined if each.problem is None]
    return [
        finding_of(
            "unusable-picture",
            Severity.SERIOUS,
            "pictures that cannot be used, and that a build leaves out",
            "put the files back, or add the pictures again with `edge-build add`",
            (_case(each, str(each.problem)) for each in examined if each.problem is not None),
        ),
        finding_of(
            "uniform-picture",
            Severity.WARNING,
            "pictures that show hardly anything but one colour, and will resemble any dull photo",
            "replace them by pictures of the things",
            (_case(each, str(each.image.path)) for each in usable if each.contrast < LEAST_CONTRAST),
        ),
        finding_of(
            "small-picture",
            Severity.WARNING,
            f"pictures with less than half the {recipe.size_px} pixels a side that the encoder takes",
            "look for larger ones: what is not on them cannot be compared",
            (_case(each, f"{each.short_side_px} px") for each in usable if 2 * each.short_side_px < recipe.size_px),
        ),
        finding_of(
            "personal-data",
            Severity.WARNING,
            "picture files that tell where they were taken, or by whom or with which camera",
            "remove their metadata before the files are handed on; a pack does not hold the files themselves",
            (_case(each, f"{each.image.path}: {', '.join(each.personal)}") for each in usable if each.personal),
        ),
    ]


def _examine(image: CatalogueImage, recipe: Preprocessing) -> ExaminedImage:
    picture = open_reference_image(image)
    pixels = preprocess(picture, recipe)
    return ExaminedImage(
        image=image,
        pixels=pixels,
        short_side_px=min(picture.size),
        contrast=float(pixels.reshape(-1, 3).std(axis=0).max()),
        personal=personal_data(read_image_file(image.path)),
    )


def _case(examined: ExaminedImage, detail: str) -> Case:
    return Case(ids=(examined.image.reference_id,), detail=detail)
