"""Thumbnails of the reference images, for packs whose maker asked for them.

Whoever puts images into a pack publishes them, so nothing is written unless it was asked for. What a newcomer would
get wrong: a camera's file tells where and when it was taken, and which colours its maker's profile gives it. Only
pixels go in here.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.progress import Progress
from edge_identify.datasets.catalogue.reference_images import open_reference_image
from edge_identify.edge_runtime.pack.manifest import ThumbnailsSpec
from edge_identify.edge_runtime.pack.thumbnails_file import write_thumbnails

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.datasets.catalogue.catalogue import CatalogueImage

_QUALITY = 80  # WebP's own default is 75; the points that `edge_runtime.search.geometry` matches want a little more
_EFFORT = 6  # the slowest: a thumbnail is written once and fetched by every device


def add_thumbnails(
    folder: Path, file: str, images: Sequence[CatalogueImage], side_px: int, *, progress: Progress
) -> ThumbnailsSpec:
    """Write the thumbnails of a pack's images into its folder.

    Args:
        folder: The pack's folder, in the making.
        file: Path of the thumbnails in the pack.
        images: The images that are in its index.
        side_px: The longer side of a thumbnail at most.
        progress: Shows how far it is.

    Returns:
        The entry of the manifest.

    Raises:
        PhotoError: An image has changed or vanished since it was embedded.
    """
    write_thumbnails(folder / file, _thumbnails(images, side_px, progress))
    return ThumbnailsSpec(file=file, side_px=side_px)


def _thumbnails(images: Sequence[CatalogueImage], side_px: int, progress: Progress) -> Iterator[tuple[int, bytes]]:
    for image in progress("making thumbnails", sorted(images, key=lambda image: image.index_id)):
        yield image.index_id, thumbnail_webp(open_reference_image(image), side_px)


def thumbnail_webp(picture: Image, side_px: int) -> bytes:
    """Return an upright RGB image as WebP, its longer side at most `side_px`, never enlarged, without metadata."""
    from PIL.Image import Resampling

    scale = min(1.0, side_px / max(picture.size))
    width, height = (max(1, round(side * scale)) for side in picture.size)
    small = picture if scale == 1 else picture.resize((width, height), Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "WEBP", quality=_QUALITY, method=_EFFORT, icc_profile=b"", exif=b"", xmp=b"")
    return stream.getvalue()
