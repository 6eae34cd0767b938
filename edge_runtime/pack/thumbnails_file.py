"""The thumbnails of a pack: small pictures of its references, so that an answer can be looked at offline.

A SQLite file of its own: a pack without it answers just as well, and one that changes its pictures does not send its
references again. A newcomer would trust a picture because its file's hash was right; the hash says who made it, and
not that it is small. So a thumbnail's length is asked for before its bytes, and its sides before its pixels.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Self

from edge_identify.edge_runtime.errors import PackDamagedError, PhotoError
from edge_identify.edge_runtime.photos.images import decode_image

if TYPE_CHECKING:
    from PIL.Image import Image

    from edge_identify.edge_runtime.pack.pack_reader import Pack

MAX_THUMBNAIL_BYTES = 2**22  # uncompressed, a thumbnail of the largest side that a manifest may state has 3 MiB

_SCHEMA = "CREATE TABLE thumbnail (index_id INTEGER PRIMARY KEY, webp BLOB NOT NULL);"
_LENGTH_QUERY = "SELECT length(webp), typeof(webp) FROM thumbnail WHERE index_id = ?"


def write_thumbnails(path: Path, thumbnails: Iterable[tuple[int, bytes]]) -> None:
    """Write a thumbnails file; the same arguments give the same bytes.

    Args:
        path: Where; nothing may be there yet.
        thumbnails: Distinct index ids in rising order, each with a picture as WebP; read one at a time.
    """
    with closing(sqlite3.connect(path)) as database:
        database.executescript(f"PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; {_SCHEMA}")
        database.executemany("INSERT INTO thumbnail VALUES (?, ?)", thumbnails)
        database.commit()
        database.execute("VACUUM")


class ThumbnailTable:
    """The thumbnails of a pack, looked up as they are asked for.

    Use it as a context manager, or call `close`.
    """

    def __init__(self, path: Path, side_px: int) -> None:
        """Open a thumbnails file for reading.

        Args:
            path: The file, its hash checked before: SQLite is native code.
            side_px: The longest side that the manifest states.
        """
        self._path, self._side_px = path, side_px
        self._one_at_a_time = Lock()  # shared by threads as `ReferenceTable` is
        # immutable: no lock file is made, so a pack on a read-only disk opens. Threads only read.
        self._database = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, after the question that is being answered; see `ReferenceTable.close`."""
        with self._one_at_a_time:
            self._database.close()

    def webp(self, index_id: int) -> bytes | None:
        """Return the WebP bytes of the picture whose vector is `index_id`; None where it has no thumbnail.

        The bytes begin like a WebP file and are at most `MAX_THUMBNAIL_BYTES`; only `image` looks further.

        Raises:
            PackDamagedError: The file cannot be read, or the entry is no thumbnail.
        """
        found = self._one(_LENGTH_QUERY, index_id)
        if found is None:
            return None
        length_bytes, kind = found
        if kind != "blob" or not isinstance(length_bytes, int) or length_bytes > MAX_THUMBNAIL_BYTES:
            raise self._damaged(index_id, f"{kind} of {length_bytes} bytes, {MAX_THUMBNAIL_BYTES} at most")
        (data,) = self._one("SELECT webp FROM thumbnail WHERE index_id = ?", index_id) or (b"",)
        if not isinstance(data, bytes) or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
            raise self._damaged(index_id, "does not begin like a WebP picture")
        return data

    def image(self, index_id: int) -> Image | None:
        """Return the thumbnail of the picture whose vector is `index_id` as RGB; None where it has none.

        Raises:
            PackDamagedError: The file cannot be read, or the entry is no picture of at most the stated side.
        """
        data = self.webp(index_id)
        if data is None:
            return None
        try:
            return decode_image(data, name=f"thumbnail {index_id}", max_side_px=self._side_px)
        except PhotoError as error:
            raise self._damaged(index_id, str(error)) from error

    def _one(self, query: str, index_id: int) -> tuple[object, ...] | None:
        try:
            with self._one_at_a_time:
                row: tuple[object, ...] | None = self._database.execute(query, (index_id,)).fetchone()
        except sqlite3.DatabaseError as error:
            raise PackDamagedError(
                f"{self._path}: is not a readable thumbnails file ({error}); build or fetch the pack again"
            ) from error
        return row

    def _damaged(self, index_id: int, found: str) -> PackDamagedError:
        return PackDamagedError(
            f"{self._path}: the thumbnail of picture {index_id} is damaged ({found}); build or fetch the pack again"
        )


def open_thumbnails(pack: Pack) -> ThumbnailTable | None:
    """Open the thumbnails of a pack, the hash of their file checked first; None where the pack has none.

    Raises:
        PackDamagedError: The file differs from the manifest.
    """
    spec = pack.manifest.thumbnails
    return None if spec is None else ThumbnailTable(pack.file(spec.file), spec.side_px)
