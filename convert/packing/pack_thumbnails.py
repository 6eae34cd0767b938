"""Thumbnails of the reference images, if requested.

A pack with thumbnails publishes the images, so they are not written by default. Thumbnails hold pixels only: no EXIF,
no XMP and no colour profile.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.caching.build_cache import BuildCache, cache_key
from edge_identify.convert.caching.code_fingerprint import code_fingerprint
from edge_identify.convert.progress import Progress
from edge_identify.datasets.catalogue.reference_images import open_reference_image
from edge_identify.edge_runtime.pack.manifest import ThumbnailsSpec
from edge_identify.edge_runtime.pack.thumbnails_file import write_thumbnails

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage

_KIND = "thumbnail"
_KEPT_TOGETHER = 250  # 10 MB; each time, the cache is written to the disk
_QUALITY = 80  # WebP's default is 75; the keypoints of `edge_runtime.search.geometry` need a little more
_EFFORT = 6  # the slowest and smallest: a thumbnail is written once and fetched by every device


def add_thumbnails(
    folder: Path,
    file: str,
    images: Sequence[CatalogueImage],
    side_px: int,
    *,
    cache: BuildCache,
    progress: Progress,
) -> ThumbnailsSpec:
    """Write the thumbnails of a pack's images into its folder.

    Args:
        folder: Folder of the pack that is being built.
        file: Path of the thumbnails in the pack.
        images: The images that are in the index.
        side_px: Largest length of a thumbnail's longer side.
        cache: Keeps thumbnails.
        progress: Shows the progress over the images.

    Returns:
        The manifest's entry.

    Raises:
        PhotoError: An image file has vanished or changed since it was embedded.
    """
    write_thumbnails(folder / file, _thumbnails(images, side_px, cache, progress))
    return ThumbnailsSpec(file=file, side_px=side_px)


def _thumbnails(
    images: Sequence[CatalogueImage], side_px: int, cache: BuildCache, progress: Progress
) -> Iterator[tuple[int, bytes]]:
    in_order = sorted(images, key=lambda image: image.index_id)
    keys = [cache_key(image.sha256, side_px, code_fingerprint()) for image in in_order]
    batches = [slice(at, at + _KEPT_TOGETHER) for at in range(0, len(in_order), _KEPT_TOGETHER)]
    for batch in progress("making thumbnails", batches):
        known = cache.read(_KIND, keys[batch])
        new: dict[str, bytes] = {}
        for key, image in zip(keys[batch], in_order[batch], strict=True):
            if key not in known:
                known[key] = new[key] = thumbnail_webp(open_reference_image(image), side_px)
            yield image.index_id, known[key]
        cache.keep(_KIND, new)


def thumbnail_webp(image: Image, side_px: int) -> bytes:
    """Return an upright RGB image as WebP without metadata; its longer side has at most `side_px` pixels."""
    from PIL.Image import Resampling

    scale = min(1.0, side_px / max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    small = image if scale == 1 else image.resize((width, height), Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "WEBP", quality=_QUALITY, method=_EFFORT, icc_profile=b"", exif=b"", xmp=b"")
    return stream.getvalue()
