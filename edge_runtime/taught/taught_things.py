"""The things that a person taught, as values, and the JSON file that holds them.

`things.json`: {"schema": 1, "things": [{"id", "name", "note", "taught_utc", "pictures": [{"sha256", "embeddings":
{SPACE_ID: base64 of float32, little-endian}}]}]}. The pictures lie beside it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from edge_identify.edge_runtime.errors import PackFormatError, SetupError
from edge_identify.edge_runtime.io.json_fields import JsonObject, canonical_json, parse_json_object
from edge_identify.edge_runtime.pack.pack_names import checked_sha256
from edge_identify.edge_runtime.pack.references import Reference

SCHEMA = 1
ID_START = "own:"
MAX_THINGS_BYTES = 64 * 2**20
MAX_PICTURES = 1000  # each is compared with every photo
MAX_NAME_LENGTH = 200  # characters
MAX_NOTE_LENGTH = 2000
MAX_SPACES = 4  # embeddings of this many embedding spaces are kept for a picture
_MAX_EMBEDDING_BYTES = 4 * 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtPicture:
    """A picture of a taught thing.

    Attributes:
        sha256: Of its JPEG file.
        embeddings: Unit vectors by embedding space, as little-endian float32.
    """

    sha256: str
    embeddings: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtThing:
    """A thing that a person taught.

    Attributes:
        id: Unique; begins with `own:`.
        name: Its name for people.
        taught_utc: When it was taught first.
        pictures: At least one.
        note: What the person wrote of it; may be empty.
    """

    id: str
    name: str
    taught_utc: datetime
    pictures: tuple[TaughtPicture, ...]
    note: str = ""

    @property
    def reference(self) -> Reference:
        """The thing as a reference of an answer."""
        return Reference(id=self.id, name=self.name, attributes={"note": self.note} if self.note else {})


def checked_words(name: str, note: str) -> tuple[str, str]:
    """Return a name and a note without surrounding white space.

    Raises:
        SetupError: The name is empty, or one of them is too long or holds control characters.
    """
    name, note = name.strip(), note.strip()
    if not name:
        raise SetupError("the name is empty; say what the photo shows")
    for what, text, most in (("name", name, MAX_NAME_LENGTH), ("note", note, MAX_NOTE_LENGTH)):
        if len(text) > most:
            raise SetupError(f"the {what} has {len(text)} characters; {most} are allowed")
        if not text.replace("\n", " ").isprintable():
            raise SetupError(f"the {what} {text[:40]!r} holds control characters; leave them out")
    return name, note


def parse_things(data: bytes, *, where: str) -> tuple[TaughtThing, ...]:
    """Read `things.json`.

    Raises:
        PackFormatError: It is longer than `MAX_THINGS_BYTES`, no JSON, of a newer schema, or a field is malformed.
    """
    fields = parse_json_object(data, where=where, max_bytes=MAX_THINGS_BYTES)
    check_schema(fields, SCHEMA)
    things = tuple(_thing(each) for each in fields.objects("things"))
    if sum(len(thing.pictures) for thing in things) > MAX_PICTURES:
        raise PackFormatError(f"{where}: more than {MAX_PICTURES} pictures")
    return things


def check_schema(fields: JsonObject, known: int) -> None:
    """Check the schema number of a file.

    Raises:
        PackFormatError: It is missing, or newer than `known`.
    """
    schema = fields.integer("schema", least=1)
    if schema > known:
        raise PackFormatError(f"{fields.where}: schema {schema} is newer than this version knows ({known}); update it")


def words_of(fields: JsonObject) -> tuple[str, str]:
    """Return the name and the note of a thing in a file.

    Raises:
        PackFormatError: As `checked_words`.
    """
    try:
        return checked_words(fields.text("name"), fields.optional_text("note") or "")
    except SetupError as error:
        raise PackFormatError(f"{fields.where}: {error}") from error


def time_of(fields: JsonObject, key: str) -> datetime:
    """Return a time of a file, UTC.

    Raises:
        PackFormatError: It is no time in ISO 8601.
    """
    text = fields.text(key)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PackFormatError(f"{fields.where}: `{key}` is no time ({text[:40]!r})") from error


def serialise_things(things: tuple[TaughtThing, ...]) -> bytes:
    """Return the canonical bytes of `things.json`; `parse_things` gives the same values back."""
    return canonical_json({"schema": SCHEMA, "things": [_as_json(thing) for thing in things]})


def _thing(fields: JsonObject) -> TaughtThing:
    name, note = words_of(fields)
    pictures = tuple(_picture(each) for each in fields.objects("pictures"))
    if not pictures:
        raise PackFormatError(f"{fields.where}: has no picture")
    return TaughtThing(
        id=thing_id(fields), name=name, note=note, taught_utc=time_of(fields, "taught_utc"), pictures=pictures
    )


def thing_id(fields: JsonObject) -> str:
    """Return the id of a taught thing in a file.

    Raises:
        PackFormatError: It does not begin with `own:` and end with letters, digits and hyphens, 64 at most.
    """
    identifier = fields.text("id")
    rest = identifier.removeprefix(ID_START)
    if rest == identifier or not 0 < len(rest) <= 64 or not (rest.isascii() and rest.replace("-", "").isalnum()):
        raise PackFormatError(f"{fields.where}: `id` is {identifier[:80]!r}; it should look like own:1f3a...")
    return identifier


def _picture(fields: JsonObject) -> TaughtPicture:
    stored = fields.object("embeddings")
    embeddings = {space: _embedding(stored, space) for space in list(stored.values)[:MAX_SPACES]}
    return TaughtPicture(sha256=checked_sha256(fields.text("sha256")), embeddings=embeddings)


def _embedding(stored: JsonObject, space: str) -> bytes:
    data = decoded_base64(stored.text(space), where=stored.where, most_bytes=_MAX_EMBEDDING_BYTES)
    if not data or len(data) % 4:
        raise PackFormatError(f"{stored.where}: an embedding has {len(data)} bytes")
    return data


def decoded_base64(text: str, *, where: str, most_bytes: int) -> bytes:
    """Return the bytes of a base64 text.

    Raises:
        PackFormatError: It is no base64, or stands for more than `most_bytes`.
    """
    if len(text) > 4 * (most_bytes // 3 + 1):
        raise PackFormatError(f"{where}: {len(text)} characters of base64 where {most_bytes} bytes are allowed")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PackFormatError(f"{where}: is no base64 ({error})") from error


def _as_json(thing: TaughtThing) -> dict[str, Any]:
    pictures = [
        {
            "sha256": picture.sha256,
            "embeddings": {space: base64.b64encode(data).decode() for space, data in picture.embeddings.items()},
        }
        for picture in thing.pictures
    ]
    return {
        "id": thing.id,
        "name": thing.name,
        "note": thing.note,
        "taught_utc": thing.taught_utc.isoformat(timespec="seconds"),
        "pictures": pictures,
    }
