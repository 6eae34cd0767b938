"""The images of a report: small JPEGs that hold pixels only.

Each image is decoded, shrunk and encoded again. So a report holds no metadata, such as position and camera.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.images import open_photo
from edge_identify.edge_runtime.photos.small_jpegs import small_jpeg

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE_PX = 176  # longer side; enough to recognise a thing, about 5 kB
_QUALITY = 72


class ReportImages:
    """The images of photos and references, as far as they are available."""

    def __init__(self, references: Mapping[str, Path], thumbnails: Mapping[str, Image] | None = None) -> None:
        """Set the sources of reference images.

        Args:
            references: An image file of each reference, by id.
            thumbnails: Small RGB images, by id; used for references without a file that can be opened.
        """
        self._references = references
        self._thumbnails = thumbnails or {}
        self._made: dict[Path, str | None] = {}

    @property
    def has_references(self) -> bool:
        """Whether at least one reference has an image."""
        return bool(self._references or self._thumbnails)

    def photo(self, path: Path) -> str | None:
        """Return a photo as a `data:` URI of a small JPEG; None if it cannot be opened."""
        if path not in self._made:
            self._made[path] = _small_jpeg_uri(path)
        return self._made[path]

    def reference(self, reference_id: str) -> str | None:
        """Return a reference's image as a `data:` URI of a small JPEG; None if it has none."""
        path = self._references.get(reference_id)
        made = None if path is None else self.photo(path)
        if made is not None or reference_id not in self._thumbnails:
            return made
        return _jpeg_uri(self._thumbnails[reference_id].copy())


def _small_jpeg_uri(path: Path) -> str | None:
    try:
        return _jpeg_uri(open_photo(path, enough_px=SIDE_PX).image)
    except PhotoError:
        return None


def _jpeg_uri(image: Image) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(small_jpeg(image, SIDE_PX, _QUALITY)).decode('ascii')}"
