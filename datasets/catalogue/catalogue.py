"""The catalogue, the maker's database: references, and the images that show them.

One SQLite file, written with sqlite-utils. References are keyed by id, images by the SHA-256 of their file: equal files
in two folders are one image, and a changed file is another image. Image files stay where they are.

An `index_id` names a vector in packs that devices have. It is never reused; a changed image gets a new one.
"""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from edge_identify.datasets.catalogue.adding_images import AddProgress, AddReport, add_images, no_progress
from edge_identify.datasets.catalogue.build_history import BuildHistory
from edge_identify.datasets.catalogue.build_memory import BuildMemory
from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage, ImageFacts, catalogue_image
from edge_identify.datasets.catalogue.contribution_reviews import ContributionReviews
from edge_identify.datasets.catalogue.kept_quantisers import KeptQuantisers
from edge_identify.datasets.catalogue.migrations import migrate
from edge_identify.datasets.catalogue.shared_facts import SharedFacts
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.references import Reference

if TYPE_CHECKING:
    from sqlite_utils import Database

    from edge_identify.datasets.sources import Source


class Catalogue:
    """An open catalogue. Use it as a context manager, or call `close`."""

    def __init__(self, database: Database, path: Path) -> None:
        """Take an open, migrated database. Use `open` or `open_existing`."""
        self._database = database
        self._path = path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a catalogue; make an empty one if there is no file.

        Raises:
            SetupError: The folder is missing, or the file is not a catalogue or is from a newer version.
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
        """Open an existing catalogue.

        Raises:
            SetupError: There is no file, or as `open`.
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
        """Add the images of a source. An interrupted run keeps what it added. See `adding_images.add_images`.

        Args:
            source: Read completely before the first image is opened.
            namespace: For references without one.
            licence: For images without one.
            provenance: For images without one.
            progress: Wraps the list of images, as `tqdm` does; None shows nothing.

        Raises:
            SetupError: The source is malformed, or the catalogue cannot be written.
            NetworkError: The source's server cannot be reached.
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
        """Return all references, sorted by id."""
        with _sqlite_errors(self._path):
            return [_reference(row) for row in self._database.query("SELECT * FROM reference ORDER BY id")]

    def images(self) -> list[CatalogueImage]:
        """Return all images of all references, sorted by `index_id`."""
        with _sqlite_errors(self._path):
            rows = self._database.query(
                "SELECT reference_image.*, format FROM reference_image JOIN image ON sha256 = image_sha256 "
                "ORDER BY index_id"
            )
            return [catalogue_image(row) for row in rows]

    def image_facts(self, reference_id: str | None = None) -> list[ImageFacts]:
        """Return file facts of all images, or of one reference's images, sorted by `index_id`."""
        query = (
            "SELECT * FROM reference_image JOIN image ON sha256 = image_sha256 "
            "WHERE ?1 IS NULL OR reference_id = ?1 ORDER BY index_id"
        )
        with _sqlite_errors(self._path):
            return [
                ImageFacts(
                    image=catalogue_image(row),
                    width_px=row["width"],
                    height_px=row["height"],
                    length_bytes=row["length_bytes"],
                )
                for row in self._database.query(query, [reference_id])
            ]

    def withdrawals(self) -> dict[str, str]:
        """Return the reasons of withdrawn references by id. Packs do not include these references."""
        with _sqlite_errors(self._path):
            rows = self._database.query("SELECT reference_id, reason FROM withdrawal ORDER BY reference_id")
            return {row["reference_id"]: row["reason"] for row in rows}

    def withdraw(self, reference_ids: Sequence[str], *, reason: str) -> None:
        """Exclude references from packs, also if a source names them again.

        Raises:
            SetupError: A reference is not in the catalogue. None is withdrawn then.
        """
        with self._transaction():
            for reference_id in self._stored_ids(reference_ids):
                values = [reference_id, reason]
                self._database.execute("INSERT OR REPLACE INTO withdrawal VALUES (?, ?)", values)

    def restore(self, reference_ids: Sequence[str]) -> None:
        """Include withdrawn references in packs again.

        Raises:
            SetupError: A reference is not in the catalogue. None is restored then.
        """
        with self._transaction():
            for reference_id in self._stored_ids(reference_ids):
                self._database.execute("DELETE FROM withdrawal WHERE reference_id = ?", [reference_id])

    def remove(self, reference_ids: Sequence[str]) -> int:
        """Remove references and their images, and return the number of images. Image files and used index ids stay.

        Raises:
            SetupError: A reference is not in the catalogue. None is removed then.
        """
        with self._transaction():
            removed = 0
            for reference_id in self._stored_ids(reference_ids):
                self._database.execute("DELETE FROM withdrawal WHERE reference_id = ?", [reference_id])
                deleted = self._database.execute("DELETE FROM reference_image WHERE reference_id = ?", [reference_id])
                removed += deleted.rowcount
                self._database.execute("DELETE FROM reference WHERE id = ?", [reference_id])
            self._database.execute("DELETE FROM image WHERE sha256 NOT IN (SELECT image_sha256 FROM reference_image)")
            return removed

    def build_memory(self) -> BuildMemory:
        """Return the data that builds left for the next build."""
        return BuildMemory(self._database, self._transaction)

    def kept_quantisers(self) -> KeptQuantisers:
        """Return the quantisers of the packs built from this catalogue."""
        return KeptQuantisers(self._database, self._transaction)

    def build_history(self) -> BuildHistory:
        """Return the history of packs built from this catalogue."""
        return BuildHistory(self._database, self._transaction, partial(_sqlite_errors, self._path))

    def contribution_reviews(self) -> ContributionReviews:
        """Return what became of contributions to this catalogue."""
        return ContributionReviews(self._database, self._transaction, partial(_sqlite_errors, self._path))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _sqlite_errors(self._path):
            # IMMEDIATE: a second writer waits or fails before it writes anything.
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.commit()
            except BaseException:
                self._database.rollback()
                raise

    def _stored_ids(self, reference_ids: Sequence[str]) -> list[str]:
        """Return the ids as they are stored: with composed accents, or with decomposed ones by an earlier version."""
        stored: list[str] = []
        for reference_id in reference_ids:
            forms = [reference_id, *(unicodedata.normalize(form, reference_id) for form in ("NFC", "NFD"))]
            rows = self._database.execute("SELECT id FROM reference WHERE id IN (?, ?, ?)", forms).fetchall()
            if not rows:
                raise SetupError(
                    f"{self._path}: has no reference {reference_id!r}; `edge-build list` shows all references"
                )
            known = {row[0] for row in rows}
            stored.append(next(form for form in forms if form in known))
        return stored


def _connect(path: Path) -> Database:
    import sqlite_utils

    # Do not run sqlite-utils plugins: they are third-party code, installed for other programs.
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
