"""The overlay of one pack: a folder with the things that a person taught, beside the pack's versions.

    things.json           what was taught; replaced whole
    pictures/SHA256.jpg   the kept pictures

The pack itself never changes. An update of the pack leaves the folder as it is, and so does `edge-identify remove`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from edge_identify.edge_runtime.errors import PackDamagedError, SetupError
from edge_identify.edge_runtime.io.disk import disk_errors_explained
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes, write_bytes
from edge_identify.edge_runtime.io.locking import only_writer
from edge_identify.edge_runtime.taught.kept_picture import MAX_PICTURE_BYTES
from edge_identify.edge_runtime.taught.taught_things import (
    ID_START,
    MAX_PICTURES,
    MAX_SPACES,
    MAX_THINGS_BYTES,
    TaughtPicture,
    TaughtThing,
    checked_words,
    parse_things,
    serialise_things,
)

THINGS_NAME = "things.json"
_PICTURES_NAME = "pictures"


class Overlay:
    """What a person taught beside one pack. Nothing is read until a method is called."""

    def __init__(self, folder: Path) -> None:
        """Use a folder; it is made when the first thing is taught."""
        self.folder = folder

    def things(self) -> tuple[TaughtThing, ...]:
        """Return the taught things, oldest first.

        Raises:
            PackFormatError: `things.json` is malformed or of a newer version.
            PackDamagedError: It cannot be read.
        """
        path = self.folder / THINGS_NAME
        try:
            with path.open("rb") as file:
                data = file.read(MAX_THINGS_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise PackDamagedError(f"{path}: cannot be read ({error.strerror})") from error
        return parse_things(data, where=str(path))

    def picture(self, sha256: str) -> bytes:
        """Return the bytes of a kept picture, its hash checked.

        Raises:
            PackDamagedError: It is missing or has changed.
        """
        path = self._picture_path(sha256)
        try:
            with path.open("rb") as file:
                data = file.read(MAX_PICTURE_BYTES + 1)
        except OSError as error:
            raise PackDamagedError(
                f"{path}: cannot be read ({error.strerror}); forget the thing, and teach it again"
            ) from error
        if sha256_of_bytes(data) != sha256:
            raise PackDamagedError(f"{path}: its content has changed; forget the thing, and teach it again")
        return data

    def add(self, pictures: Sequence[bytes], *, name: str, note: str = "") -> TaughtThing:
        """Add kept pictures of a thing; a name that is known already gets them as further pictures.

        Args:
            pictures: From `kept_picture`, at least one.
            name: What they show.
            note: What else is to be said of it; replaces an earlier one unless empty.

        Raises:
            SetupError: The name or the note cannot be used, there are too many pictures, or the disk refuses.
            PackError: As `things`.
        """
        name, note = checked_words(name, note)
        with self._writing():
            for data in pictures:
                write_bytes(self._picture_path(sha256_of_bytes(data)), data)
            things = self.things()
            known = next((thing for thing in things if thing.name == name), None)
            added = _with_pictures(known or _new_thing(name), pictures, note)
            self._write((*(thing for thing in things if thing is not known), added))
        return added

    def remove(self, identifier: str) -> TaughtThing:
        """Remove a thing and its pictures, by its id or its name.

        Raises:
            SetupError: There is no such thing, or the disk refuses.
            PackError: As `things`.
        """
        with self._writing():
            things = self.things()
            found = next((thing for thing in things if identifier in (thing.id, thing.name)), None)
            if found is None:
                raise SetupError(f"nothing of the name or id {identifier!r} was taught; see `edge-identify taught`")
            kept = tuple(thing for thing in things if thing is not found)
            self._write(kept)
            still_used = {picture.sha256 for thing in kept for picture in thing.pictures}
            for picture in found.pictures:
                if picture.sha256 not in still_used:
                    self._picture_path(picture.sha256).unlink(missing_ok=True)
        return found

    def keep_embeddings(self, embeddings: Mapping[str, bytes], *, space_id: str) -> None:
        """Keep embeddings for later runs, by the SHA-256 of their pictures. It only saves time: no error is raised."""
        with suppress(OSError, SetupError), self._writing():
            self._write(tuple(_with_embeddings(thing, embeddings, space_id) for thing in self.things()))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with disk_errors_explained(self.folder.parent):
            (self.folder / _PICTURES_NAME).mkdir(parents=True, exist_ok=True)
            busy = f"{self.folder}: another process is teaching; try again"
            with only_writer(self.folder / "lock", busy=busy):
                yield

    def _write(self, things: tuple[TaughtThing, ...]) -> None:
        if sum(len(thing.pictures) for thing in things) > MAX_PICTURES:
            raise SetupError(f"more than {MAX_PICTURES} pictures were taught; forget some, or contribute them")
        write_bytes(self.folder / THINGS_NAME, serialise_things(things))

    def _picture_path(self, sha256: str) -> Path:
        return self.folder / _PICTURES_NAME / f"{sha256}.jpg"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)  # as the file holds it


def _new_thing(name: str) -> TaughtThing:
    return TaughtThing(id=f"{ID_START}{secrets.token_hex(8)}", name=name, taught_utc=_now(), pictures=())


def _with_pictures(thing: TaughtThing, pictures: Sequence[bytes], note: str) -> TaughtThing:
    known = {picture.sha256: picture for picture in thing.pictures}
    added = {sha256: TaughtPicture(sha256=sha256) for sha256 in map(sha256_of_bytes, pictures)}
    return replace(thing, pictures=tuple((added | known).values()), note=note or thing.note)


def _with_embeddings(thing: TaughtThing, embeddings: Mapping[str, bytes], space_id: str) -> TaughtThing:
    pictures = []
    for picture in thing.pictures:
        data = embeddings.get(picture.sha256)
        if data is not None:
            others = [(space, kept) for space, kept in picture.embeddings.items() if space != space_id]
            picture = replace(picture, embeddings=dict([*others, (space_id, data)][-MAX_SPACES:]))
        pictures.append(picture)
    return replace(thing, pictures=tuple(pictures))
