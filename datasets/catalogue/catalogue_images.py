"""The images of a catalogue: which reference each shows, where its file lies and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_identify.datasets.sources.source import file_name_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueImage:
    """One image of one reference.

    Attributes:
        index_id: From 1; never reused.
        reference_id: The reference that it shows.
        sha256: Hash of the file when it was added. The file may have changed since.
        path: Last known path, absolute.
        origin: URL or object address that it was fetched from, or None.
        source_path: Path in its source, relative, with forward slashes; None if unknown.
        type: Pillow's name of its format, such as `JPEG`.
        licence: Licence of the image, or None.
        provenance: Author or origin, or None.
    """

    index_id: int
    reference_id: str
    sha256: str
    path: Path
    origin: str | None = None
    source_path: str | None = None
    type: str | None = None
    licence: str | None = None
    provenance: str | None = None

    @property
    def file_name(self) -> str:
        """File name with its suffix, in its source."""
        return file_name_of(self.path, self.origin)

    @property
    def public_path(self) -> str:
        """The path for packs, without folders of the maker's disk: the path in the source, or the file name."""
        return self.source_path or self.file_name


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """An image with the facts about its file.

    Attributes:
        image: The image.
        width_px: Width after EXIF orientation.
        height_px: Height after EXIF orientation.
        length_bytes: Length of the file.
    """

    image: CatalogueImage
    width_px: int
    height_px: int
    length_bytes: int


def catalogue_image(row: Mapping[str, Any]) -> CatalogueImage:
    """Return the image of a row of `reference_image` joined with `image`."""
    return CatalogueImage(
        index_id=row["index_id"],
        reference_id=row["reference_id"],
        sha256=row["image_sha256"],
        path=Path(row["path"]),
        origin=row["origin"],
        source_path=row["source_path"],
        type=row["format"],
        licence=row["licence"],
        provenance=row["provenance"],
    )
