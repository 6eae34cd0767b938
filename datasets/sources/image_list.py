"""`image-list:FILE`: images in a text file, with optional facts.

Two dialects. If the first row that is not a comment has a column named exactly `path`, the file is a CSV with a header.
Otherwise each line is `path[,label[,category[,subcategory]]]`.

A missing image file is not an error of the list; the image is skipped later, with its path and the reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from edge_identify.datasets.sources.rows.described_images import DescribedImage, gather
from edge_identify.datasets.sources.rows.list_rows import ListRow, read_list_rows
from edge_identify.datasets.sources.source import SourceImage, path_within
from edge_identify.edge_runtime.errors import SetupError


@dataclass(frozen=True, slots=True)
class ImageList:
    """A list of images.

    Paths are absolute or relative to the list's folder. If `id` is absent or blank, the id is the relative path without
    its suffix (for an absolute path, the file's stem).

    Attributes:
        file: The list, UTF-8, with or without a byte order mark.
    """

    file: Path

    def images(self) -> Iterator[SourceImage]:
        """Yield the images in the order of the list, each with all facts about its reference.

        Raises:
            SetupError: The list is missing, empty or malformed, has an image twice, or has contradictory facts about
                one reference. The message names the lines.
        """
        folder = self.file.parent.absolute()
        rows = [_described(row, folder=folder) for row in read_list_rows(self.file)]
        if not rows:
            raise SetupError(f"{self.file}: contains no image; write one path on each line")
        refuse_repeated_paths(self.file, rows)
        yield from gather(self.file, rows)


def _described(row: ListRow, *, folder: Path) -> DescribedImage:
    written = PurePath(row.facts["path"])
    own_id = row.facts.get("id", "")
    return DescribedImage(
        row=row.line,
        path=Path(os.path.normpath(folder / written)),
        id=own_id or id_from_path(written),
        has_own_id=bool(own_id),
        stem=written.stem,
        source_path=path_within(written),
        facts={column: text for column, text in row.facts.items() if column != "path"},
    )


def id_from_path(written: PurePath) -> str:
    """Return the default id of an image: the relative path without its suffix, or an absolute path's stem."""
    if written.is_absolute():
        return written.stem
    tidy = PurePath(os.path.normpath(written))
    return (tidy.parent / tidy.stem).as_posix()


def refuse_repeated_paths(file: Path, rows: Iterable[DescribedImage], *, rows_are: str = "lines") -> None:
    """Raise `SetupError` if two rows have the same path."""
    first: dict[Path, DescribedImage] = {}
    for row in rows:
        other = first.setdefault(row.path, row)
        if other is not row:
            raise SetupError(f"{file}: {rows_are} {other.row} and {row.row} have the same path {row.path}; delete one")
