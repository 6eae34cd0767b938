"""A maker's photos of unrelated things: more strangers for a calibration, beside the drawn ones.

A photo that shows a reference after all would silence the pack. Copies of reference images are left out. Photos that
the finished calibration identifies are named, so that the maker can look at them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.caching.build_cache import cache_key
from edge_identify.convert.calibrating.calibration_photos import (
    LONG_SIDE_FOR_POINTS_PX,
    CalibrationPhoto,
    long_side_px_of,
)
from edge_identify.convert.progress import Progress, no_progress
from edge_identify.datasets.catalogue.skipped_image import SkippedImage
from edge_identify.datasets.sources.images_folder import ImagesFolder
from edge_identify.edge_runtime.errors import PhotoError, SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.photos.images import decode_photo, read_image_file

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
    from edge_identify.edge_runtime.photos.preprocessing import Preprocessing


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """A photo of an unrelated thing.

    Attributes:
        path: Its file.
        sha256: SHA-256 of the file.
    """

    path: Path
    sha256: str

    def as_calibration_photo(self, recipe: Preprocessing) -> CalibrationPhoto:
        """Return the photo as the calibration of an encoder takes it, as large as a simulated one with points."""
        side_px = max(long_side_px_of(recipe), LONG_SIDE_FOR_POINTS_PX)

        def draw() -> Image:
            data = read_image_file(self.path)
            if sha256_of_bytes(data) != self.sha256:
                raise PhotoError(f"{self.path}: has changed during the build; run the build again")
            image = decode_photo(data, name=str(self.path), enough_px=side_px).image
            image.thumbnail((side_px, side_px))
            return image

        return CalibrationPhoto(key=cache_key("stranger", self.sha256, side_px), draw=draw, reference_id=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class StrangerFolder:
    """The photos in a folder of unrelated things.

    Attributes:
        photos: The usable photos, each content once, sorted by path.
        left_out: The files that cannot be read, each with its reason.
        reference_images: The files that are reference images of the pack, and so no strangers.
    """

    photos: tuple[Stranger, ...]
    left_out: tuple[SkippedImage, ...]
    reference_images: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtfulStranger:
    """A stranger that the finished calibration identifies.

    Attributes:
        path: Its file.
        reference_id: The reference that it may show.
    """

    path: Path
    reference_id: str


def read_strangers(folder: Path, images: Sequence[CatalogueImage], progress: Progress = no_progress) -> StrangerFolder:
    """Read the photos below a folder.

    Args:
        folder: The folder.
        images: The reference images of the pack.
        progress: Shows the progress over the files.

    Raises:
        SetupError: The folder is missing or has no images, or none of them can be used.
    """
    references = {image.sha256 for image in images}
    found: dict[str, Stranger] = {}
    left_out: list[SkippedImage] = []
    copies: list[Path] = []
    for source in progress("reading strangers", list(ImagesFolder(folder).images())):
        try:
            stranger = _read(source.path)
        except PhotoError as error:
            left_out.append(SkippedImage(path=source.path, reason=str(error)))
            continue
        if stranger.sha256 in references:
            copies.append(stranger.path)
        else:
            found.setdefault(stranger.sha256, stranger)
    if not found:
        why = left_out[0].reason if left_out else "all its images are reference images of the pack"
        raise SetupError(f"{folder}: no photo of an unrelated thing can be used; {why}")
    return StrangerFolder(photos=tuple(found.values()), left_out=tuple(left_out), reference_images=tuple(copies))


def _read(path: Path) -> Stranger:
    data = read_image_file(path)
    decode_photo(data, name=str(path), enough_px=1)
    return Stranger(path=path, sha256=sha256_of_bytes(data))


def doubts_in_words(doubts: Sequence[DoubtfulStranger], names: Mapping[str, str]) -> str:
    """Return one line that names strangers that may show a reference.

    Args:
        doubts: At least one.
        names: Names of the references by id.
    """
    told = ", ".join(f"{each.path} ({names.get(each.reference_id, each.reference_id)})" for each in doubts)
    return f"--strangers: these may show a reference: {told}; remove them if they do"
