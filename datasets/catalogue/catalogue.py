"""The maker's database: which references there are, and which pictures show them.

One SQLite file, written through sqlite-utils. References are keyed by id and pictures by the hash of their
content: the same picture in two folders is one image, and a picture that changed is another one. The
pictures themselves stay where they lie.

What a newcomer would get wrong: an `index_id` is the name of a vector in packs that are already on devices.
It is given once and never again, which is why a changed picture gets a new one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from edge_identify.datasets.catalogue.adding_images import AddProgress, AddReport, add_images, no_progress
from edge_identify.datasets.catalogue.build_history import BuildHistory
from edge_identify.datasets.catalogue.build_memory import BuildMemory
from edge_identify.datasets.catalogue.migrations import migrate
from edge_identify.datasets.catalogue.shared_facts import SharedFacts
from edge_identify.datasets.sources.source import file_name_of
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.references import Reference

if TYPE_CHECKING:
    from sqlite_utils import Database

    from edge_identify.datasets.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueImage:
    """One picture of one reference.

    Attributes:
        index_id: From 1; never used again for another picture.
        reference_id: What it shows.
        sha256: Hash of the file's bytes when it was added; the file may have changed since.
        path: Where it was last seen, absolute.
        origin: The address that it was fetched from, or None.
        source_path: Where it lay in its source, relative, with forward slashes; None where that is not known.
        type: Pillow's name of its format, such as `JPEG`.
        licence: Its own, or None.
        provenance: Who made it, or where it comes from, or None.
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
        """Its name, with the ending, where it comes from."""
        return file_name_of(self.path, self.origin)

    @property
    def public_path(self) -> str:
        """What may be told of where it lies: its path in the source, or its name alone."""
        return self.source_path or self.file_name


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """What is known of a picture's file beside what it shows.

    Attributes:
        image: The picture.
        width_px: Upright.
        height_px: Upright.
        length_bytes: Of the file.
    """

    image: CatalogueImage
    width_px: int
    height_px: int
    length_bytes: int


class Catalogue:
    """An open catalogue. Use it as a context manager, or call `close`."""

    def __init__(self, database: Database, path: Path) -> None:
        """Take a database that is open and up to date; `open` and `open_existing` make one."""
        self._database = database
        self._path = path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a catalogue, making an empty one where there is none.

        Raises:
            SetupError: The folder is missing, the file is no catalogue, or a newer version wrote it.
        """
        if not path.parent.is_dir():
            raise SetupError(f"{path}: the folder {path.parent} does not exist; make it first")
        if path.is_dir():
            raise SetupError(f"{path}: is a folder; give the path of the catalogue file itself")
        with _sqlite_errors(path):
            database = _connect(path)
            try:
                migrate(database, name=str(path))
                database.execute("PRAGMA foreign_keys = ON")
            except BaseException:
                database.close()
                raise
        return cls(database, path)

    @classmethod
    def open_existing(cls, path: Path) -> Self:
        """Open a catalogue that must be there.

        Raises:
            SetupError: There is none, or as for `open`.
        """
        if not path.exists():
            raise SetupError(f"{path}: no such catalogue; make it with `edge-build add SOURCE --catalogue {path}`")
        return cls.open(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def add(
        self,
        source: Source,
        *,
        namespace: str | None = None,
        licence: str | None = None,
        provenance: str | None = None,
        progress: AddProgress | None = None,
    ) -> AddReport:
        """Add what a source names; what was added when the run is interrupted stays. See `adding.add_images`.

        Args:
            source: Read to its end before the first picture is opened.
            namespace: For references whose source gives none.
            licence: For pictures whose source gives none.
            provenance: Likewise.
            progress: Is handed the list of pictures and yields them on; `tqdm` fits; None shows nothing.

        Raises:
            SetupError: The source is malformed, or the catalogue cannot be written.
        """
        images = list(source.images())
        with _sqlite_errors(self._path):
            return add_images(
                self._database,
                self._transaction,
                images,
                shared_facts=SharedFacts(namespace=namespace, licence=licence, provenance=provenance),
                progress=progress or no_progress,
            )

    def references(self) -> list[Reference]:
        """Return every reference, sorted by id."""
        with _sqlite_errors(self._path):
            return [_reference(row) for row in self._database.query("SELECT * FROM reference ORDER BY id")]

    def images(self) -> list[CatalogueImage]:
        """Return every picture of every reference, sorted by `index_id`."""
        with _sqlite_errors(self._path):
            rows = self._database.query(
                "SELECT reference_image.*, format FROM reference_image JOIN image ON sha256 = image_sha256 "
                "ORDER BY index_id"
            )
            return [_image(row) for row in rows]

    def image_facts(self, reference_id: str | None = None) -> list[ImageFacts]:
        """Return what is known of every picture, or of one reference's, sorted by `index_id`."""
        query = (
            "SELECT * FROM reference_image JOIN image ON sha256 = image_sha256 "
            "WHERE ?1 IS NULL OR reference_id = ?1 ORDER BY index_id"
        )
        with _sqlite_errors(self._path):
            return [
                ImageFacts(
                    image=_image(row),
                    width_px=row["width"],
                    height_px=row["height"],
                    length_bytes=row["length_bytes"],
                )
                for row in self._database.query(query, [reference_id])
            ]

    def withdrawals(self) -> dict[str, str]:
        """Return the reason of each withdrawn reference, by its id; these stay out of packs."""
        with _sqlite_errors(self._path):
            rows = self._database.query("SELECT reference_id, reason FROM withdrawal ORDER BY reference_id")
            return {row["reference_id"]: row["reason"] for row in rows}

    def withdraw(self, reference_ids: Sequence[str], *, reason: str) -> None:
        """Keep references out of packs from now on, also when a source names them again.

        Raises:
            SetupError: One is not in the catalogue; then none is withdrawn.
        """
        with self._transaction():
            self._refuse_unknown(reference_ids)
            for reference_id in reference_ids:
                values = [reference_id, reason]
                self._database.execute("INSERT OR REPLACE INTO withdrawal VALUES (?, ?)", values)

    def restore(self, reference_ids: Sequence[str]) -> None:
        """Let withdrawn references into packs again.

        Raises:
            SetupError: One is not in the catalogue.
        """
        with self._transaction():
            self._refuse_unknown(reference_ids)
            for reference_id in reference_ids:
                self._database.execute("DELETE FROM withdrawal WHERE reference_id = ?", [reference_id])

    def remove(self, reference_ids: Sequence[str]) -> int:
        """Remove references with their pictures, and return how many pictures; their files stay where they are.

        Their index ids are never given again.

        Raises:
            SetupError: One is not in the catalogue; then none is removed.
        """
        with self._transaction():
            self._refuse_unknown(reference_ids)
            removed = 0
            for reference_id in reference_ids:
                self._database.execute("DELETE FROM withdrawal WHERE reference_id = ?", [reference_id])
                deleted = self._database.execute("DELETE FROM reference_image WHERE reference_id = ?", [reference_id])
                removed += deleted.rowcount
                self._database.execute("DELETE FROM reference WHERE id = ?", [reference_id])
            self._database.execute("DELETE FROM image WHERE sha256 NOT IN (SELECT image_sha256 FROM reference_image)")
            return removed

    def build_memory(self) -> BuildMemory:
        """Return what builds left here for the next one."""
        return BuildMemory(self._database, self._transaction)

    def build_history(self) -> BuildHistory:
        """Return which packs were built from it."""
        return BuildHistory(self._database, self._transaction, partial(_sqlite_errors, self._path))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _sqlite_errors(self._path):
            # IMMEDIATE: a second writer waits, or is refused, before it has written anything.
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.commit()
            except BaseException:
                self._database.rollback()
                raise

    def _refuse_unknown(self, reference_ids: Sequence[str]) -> None:
        for reference_id in reference_ids:
            row = self._database.execute("SELECT 1 FROM reference WHERE id = ?", [reference_id]).fetchone()
            if row is None:
                raise SetupError(
                    f"{self._path}: has no reference {reference_id!r}; `edge-build list` shows those that there are"
                )


def _connect(path: Path) -> Database:
    import sqlite_utils

    # Plugins are other people's code, installed for other reasons.
    return sqlite_utils.Database(path, execute_plugins=False)


@contextmanager
def _sqlite_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        what = "wait until the other program is done, or check that the disk is writable and not full"
        raise SetupError(f"{path}: the catalogue cannot be used ({error}); {what}") from error
    except sqlite3.DatabaseError as error:
        raise SetupError(f"{path}: is not a catalogue, or is damaged ({error}); give another path") from error


def _reference(row: dict[str, Any]) -> Reference:
    return Reference(**{**row, "labels": json.loads(row["labels"]), "attributes": json.loads(row["attributes"])})


def _image(row: dict[str, Any]) -> CatalogueImage:
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
