"""The thumbnails of a pack: small images of its references, in a SQLite file.

They let an answer show its references offline. The file is optional, and apart from the references: a pack that changes
its thumbnails does not send its references again.

Trap: a right hash proves that the file fits the manifest, not that thumbnails are small. So the length is checked
before a thumbnail's bytes are read, and its sides before its pixels are decoded.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Self

from edge_identify.edge_runtime.errors import PackDamagedError, PhotoError
from edge_identify.edge_runtime.pack.pack_database import PackDatabase
from edge_identify.edge_runtime.photos.images import decode_image

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.edge_runtime.pack.pack_reader import Pack

MAX_THUMBNAIL_BYTES = 2**22  # uncompressed, a thumbnail of the largest allowed side has 3 MiB

_SCHEMA = "CREATE TABLE thumbnail (index_id INTEGER PRIMARY KEY, webp BLOB NOT NULL);"
_LENGTH_QUERY = "SELECT length(webp), typeof(webp) FROM thumbnail WHERE index_id = ?"


def write_thumbnails(path: Path, thumbnails: Iterable[tuple[int, bytes]]) -> None:
    """Write a thumbnails file; the same arguments give the same bytes.

    Args:
        path: The file to write; it must not exist.
        thumbnails: (index id, WebP bytes) in rising order of distinct ids; read one at a time.
    """
    with closing(sqlite3.connect(path)) as database:
        database.executescript(f"PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; {_SCHEMA}")
        database.executemany("INSERT INTO thumbnail VALUES (?, ?)", thumbnails)
        database.commit()
        database.execute("VACUUM")


class ThumbnailTable:
    """Lookups in the thumbnails of a pack. Threads may share it.

    Use it as a context manager, or call `close`.
    """

    def __init__(self, path: Path, side_px: int) -> None:
        """Open a thumbnails file for reading.

        Args:
            path: The file. Its hash must have been checked: SQLite is native code.
            side_px: Maximum length of the longer side, from the manifest.
        """
        self._path, self._side_px = path, side_px
        self._database = PackDatabase(path, content="thumbnails", max_row_bytes=MAX_THUMBNAIL_BYTES + 1024)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file after the running query."""
        self._database.close()

    def webp(self, index_id: int) -> bytes | None:
        """Return the thumbnail of the image whose vector is `index_id`, as WebP; None if it has none.

        Only the first bytes and the length (at most `MAX_THUMBNAIL_BYTES`) are checked; `image` decodes the thumbnail.

        Raises:
            PackDamagedError: The file cannot be read, or the entry is not a WebP file.
        """
        found = self._one(_LENGTH_QUERY, index_id)
        if found is None:
            return None
        length_bytes, kind = found
        if kind != "blob" or not isinstance(length_bytes, int) or length_bytes > MAX_THUMBNAIL_BYTES:
            raise self._damaged(index_id, f"{kind} of {length_bytes} bytes, {MAX_THUMBNAIL_BYTES} at most")
        (data,) = self._one("SELECT webp FROM thumbnail WHERE index_id = ?", index_id) or (b"",)
        if not isinstance(data, bytes) or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
            raise self._damaged(index_id, "does not begin like a WebP file")
        return data

    def image(self, index_id: int) -> Image | None:
        """Return the thumbnail of the image whose vector is `index_id`, as RGB; None if it has none.

        Raises:
            PackDamagedError: The file cannot be read, or the entry is not an image with sides of at most `side_px`.
        """
        data = self.webp(index_id)
        if data is None:
            return None
        try:
            return decode_image(data, name=f"thumbnail {index_id}", max_side_px=self._side_px)
        except PhotoError as error:
            if isinstance(error.__cause__, MemoryError):
                raise MemoryError(f"{self._path}: too little memory") from error
            raise self._damaged(index_id, str(error)) from error

    def _one(self, query: str, index_id: int) -> tuple[object, ...] | None:
        return next(iter(self._database.rows(f"{query} LIMIT 1", (index_id,))), None)

    def _damaged(self, index_id: int, found: str) -> PackDamagedError:
        return PackDamagedError(
            f"{self._path}: the thumbnail of image {index_id} is damaged ({found}); build or fetch the pack again"
        )


def open_thumbnails(pack: Pack) -> ThumbnailTable | None:
    """Open the thumbnails of a pack, after checking the hash of their file; None if the pack has none.

    Raises:
        PackDamagedError: The file differs from the manifest.
    """
    spec = pack.manifest.thumbnails
    return None if spec is None else ThumbnailTable(pack.file(spec.file), spec.side_px)
