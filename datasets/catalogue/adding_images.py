"""Add images to the catalogue: new, changed, unchanged and unusable ones.

Each new image is decoded to its last pixel, since a truncated file opens without an error. An image whose SHA-256 is
known is not decoded again, so a second run over ten thousand images takes seconds. Images are written in transactions
of 64, each some milliseconds long: an interrupted run keeps what it wrote, and the next run continues.
"""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.datasets.catalogue.shared_facts import SharedFacts
from edge_identify.datasets.catalogue.skipped_image import SkippedImage
from edge_identify.datasets.sources.source import SourceImage
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.photos.images import decode_photo, read_image_file

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.db import Table

AddProgress = Callable[[Iterable[SourceImage]], Iterable[SourceImage]]

#: Images per transaction. A killed run decodes at most as many again, one or two seconds. A commit flushes the disk,
#: 5 to 30 ms.
PORTION = 64


def no_progress(images: Iterable[SourceImage]) -> Iterable[SourceImage]:
    """Return the images unchanged: no progress display."""
    return images


@dataclass(frozen=True, slots=True, kw_only=True)
class AddReport:
    """The result of one run.

    Attributes:
        added: Number of images that are new for their reference.
        unchanged: Number of images that the catalogue had already.
        updated: Number of files whose content changed; each has a new index id.
        skipped: Unusable images, in the order of the source.
        references_added: Number of new references.
        references_unchanged: Number of references whose facts are the same as before.
        references_updated: Number of references whose facts changed.
    """

    added: int
    unchanged: int
    updated: int
    skipped: tuple[SkippedImage, ...]
    references_added: int
    references_unchanged: int
    references_updated: int

    @property
    def usable(self) -> int:
        """How many of the source's images are now in the catalogue. 0 means that the run failed."""
        return self.added + self.unchanged + self.updated


def add_images(
    database: Database,
    transaction: Callable[[], AbstractContextManager[None]],
    images: Sequence[SourceImage],
    *,
    shared_facts: SharedFacts,
    progress: AddProgress,
) -> AddReport:
    """Add images and their references, in several transactions. An exception keeps the finished ones.

    A reference is written with its first usable image. It then has exactly the facts of this source: facts of
    an earlier source are gone. Images that the source no longer names stay.

    Args:
        database: Database of the catalogue, not in a transaction.
        transaction: Makes the transaction for a group of images.
        images: The images of the source.
        shared_facts: Facts for images and references without their own.
        progress: Wraps the iteration over `images`.

    Returns:
        The counts and the skipped images.

    Raises:
        sqlite3.Error: The database cannot be written.
    """
    run = _Run(database)
    try:
        for image in progress(images):
            with run.skipping(image):
                run.examine(shared_facts.completed(image))
            if len(run.examined) == PORTION:
                with transaction():
                    run.write()
    finally:
        if run.examined:
            with transaction():
                run.write()
    return run.report()


class _Outcome(StrEnum):
    ADDED = "added"
    UNCHANGED = "unchanged"
    UPDATED = "updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Examined:
    # A usable image. `measured` is None if its content is known, also from an earlier image of this run.
    image: SourceImage
    path: str
    sha256: str
    measured: Mapping[str, int | str] | None


@dataclass(slots=True)
class _Run:
    database: Database
    examined: list[_Examined] = field(default_factory=list)
    image_outcomes: list[_Outcome] = field(default_factory=list)
    reference_outcomes: dict[str, _Outcome] = field(default_factory=dict)
    skipped: list[SkippedImage] = field(default_factory=list)
    # Path by (reference id, sha256) in this run: replacing one of two equal files must keep the other one.
    seen: dict[tuple[str, str], str] = field(default_factory=dict)

    @contextmanager
    def skipping(self, image: SourceImage) -> Iterator[None]:
        try:
            yield
        except PhotoError as error:
            self.skipped.append(SkippedImage(path=_printable(image.path), reason=str(error)))

    def examine(self, image: SourceImage) -> None:
        if image.problem:
            raise PhotoError(image.problem)
        image = self._with_stored_id(image)
        path = _storable(image.path)
        data = read_image_file(image.path)
        sha256 = sha256_of_bytes(data)
        is_known = self._has_image(sha256) or any(each.sha256 == sha256 for each in self.examined)
        measured = None if is_known else _measure(data, name=image.origin or path)
        self.examined.append(_Examined(image=image, path=path, sha256=sha256, measured=measured))

    def _with_stored_id(self, image: SourceImage) -> SourceImage:
        """Return the image with the id of its reference as an earlier version stored it: with decomposed accents."""
        identifier = image.reference.id
        decomposed = unicodedata.normalize("NFD", identifier)
        if decomposed == identifier or self._row("SELECT 1 FROM reference WHERE id = ?", identifier) is not None:
            return image
        if self._row("SELECT 1 FROM reference WHERE id = ?", decomposed) is None:
            return image
        return replace(image, reference=replace(image.reference, id=decomposed))

    def write(self) -> None:
        examined, self.examined = self.examined, []
        for each in examined:
            with self.skipping(each.image):
                self._write_image(each)

    def _write_image(self, examined: _Examined) -> None:
        path, sha256, reference = examined.path, examined.sha256, examined.image.reference
        if not self._has_image(sha256):
            measured = examined.measured or _measure_again(examined)
            _table(self.database, "image").insert({"sha256": sha256, **measured})
        self._write_reference(reference)
        self.image_outcomes.append(self._link(examined))
        self.seen[reference.id, sha256] = path

    def report(self) -> AddReport:
        references = list(self.reference_outcomes.values())
        return AddReport(
            added=self.image_outcomes.count(_Outcome.ADDED),
            unchanged=self.image_outcomes.count(_Outcome.UNCHANGED),
            updated=self.image_outcomes.count(_Outcome.UPDATED),
            skipped=tuple(self.skipped),
            references_added=references.count(_Outcome.ADDED),
            references_unchanged=references.count(_Outcome.UNCHANGED),
            references_updated=references.count(_Outcome.UPDATED),
        )

    def _has_image(self, sha256: str) -> bool:
        return self._row("SELECT 1 FROM image WHERE sha256 = ?", sha256) is not None

    def _write_reference(self, reference: Reference) -> None:
        row = _reference_row(reference)
        table = _table(self.database, "reference")
        columns = ", ".join(row)
        known = self._row(f"SELECT {columns} FROM reference WHERE id = ?", reference.id)
        if known is not None and reference.id in self.reference_outcomes:
            return
        if known is None:
            table.insert(row)
            outcome = _Outcome.ADDED
        elif known == tuple(row.values()):
            outcome = _Outcome.UNCHANGED
        else:
            table.update(reference.id, row)
            outcome = _Outcome.UPDATED
        self.reference_outcomes[reference.id] = outcome

    def _link(self, examined: _Examined) -> _Outcome:
        image, sha256, path = examined.image, examined.sha256, examined.path
        replaced = self._drop_older_content(image.reference.id, sha256, path)
        row = self._row(
            f"SELECT index_id, {', '.join(_IMAGE_COLUMNS)} FROM reference_image "
            "WHERE reference_id = ? AND image_sha256 = ?",
            image.reference.id,
            sha256,
        )
        table = _table(self.database, "reference_image")
        facts = {"path": path, **{name: getattr(image, name) for name in _IMAGE_COLUMNS[1:]}}
        if row is None:
            table.insert({"reference_id": image.reference.id, "image_sha256": sha256, **facts})
            return _Outcome.UPDATED if replaced else _Outcome.ADDED
        index_id, known = row[0], dict(zip(_IMAGE_COLUMNS, row[1:], strict=True))
        if Path(known["path"]).exists():
            facts["path"] = known["path"]  # an equal file elsewhere; if the known file is gone, it was moved
        for name in ("origin", "source_path"):
            facts[name] = facts[name] or known[name]
        if facts != known:
            table.update(index_id, facts)
        return _Outcome.UPDATED if replaced else _Outcome.UNCHANGED

    def _drop_older_content(self, reference_id: str, sha256: str, path: str) -> bool:
        older = self._row(
            "SELECT index_id, image_sha256 FROM reference_image "
            "WHERE reference_id = ? AND path = ? AND image_sha256 != ?",
            reference_id,
            path,
            sha256,
        )
        if older is None:
            return False
        index_id, older_sha256 = older
        table = _table(self.database, "reference_image")
        if other_path := self.seen.get((reference_id, older_sha256)):
            table.update(index_id, {"path": other_path})
            return True
        table.delete(index_id)
        self.database.execute(
            "DELETE FROM image WHERE sha256 = ? AND sha256 NOT IN (SELECT image_sha256 FROM reference_image)",
            [older_sha256],
        )
        return True

    def _row(self, query: str, *parameters: object) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self.database.execute(query, parameters).fetchone()
        return row


#: The columns of `reference_image` that a source gives.
_IMAGE_COLUMNS = ("path", "origin", "source_path", "licence", "provenance")


def _table(database: Database, name: str) -> Table:
    return database.table(name)


def _measure(data: bytes, *, name: str) -> dict[str, int | str]:
    photo = decode_photo(data, name=name, enough_px=None)
    width, height = photo.full_size
    return {"width": width, "height": height, "format": photo.format_name, "length_bytes": len(data)}


def _measure_again(examined: _Examined) -> Mapping[str, int | str]:
    # Its content was known, but that image was replaced or removed meanwhile.
    data = read_image_file(examined.image.path)
    if sha256_of_bytes(data) != examined.sha256:
        raise PhotoError(f"{examined.path}: changed while it was being added; add it again")
    return _measure(data, name=examined.image.origin or examined.path)


def _storable(path: Path) -> str:
    if _printable(path) != path:
        raise PhotoError(f"{_printable(path)}: the file's name is not valid UTF-8; rename it")
    return str(path)


def _printable(path: Path) -> Path:
    return Path(os.fsencode(path).decode("utf-8", errors="replace"))


def _reference_row(reference: Reference) -> dict[str, Any]:
    row = {column.name: getattr(reference, column.name) for column in fields(reference)}
    for column in ("labels", "attributes"):
        row[column] = json.dumps(dict(row[column]), sort_keys=True, ensure_ascii=False)
    return row
