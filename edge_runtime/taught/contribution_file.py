"""The contribution file: taught things on their way to the maker of a pack.

One JSON object with the pictures in it as base64, so there is no archive whose paths could climb:

    {"kind": "edge-identify contribution", "schema": 1, "created_utc", "pack": {"name", "version"}, "by", "licence",
     "things": [{"id", "name", "note", "taught_utc", "pictures": [{"sha256", "jpeg"}]}]}

Trap: it comes from a stranger. Lengths and counts are checked before memory is taken, and every picture against its
hash. A picture's pixels are decoded only by `decode_kept_picture`, which checks its sides first.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.edge_runtime.errors import PackFormatError, SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.io.json_fields import JsonObject, canonical_json, parse_json_object
from edge_identify.edge_runtime.pack.pack_names import PackVersion, checked_pack_name, checked_sha256
from edge_identify.edge_runtime.taught.kept_picture import MAX_PICTURE_BYTES
from edge_identify.edge_runtime.taught.taught_things import (
    check_schema,
    decoded_base64,
    thing_id,
    time_of,
    words_of,
)

if TYPE_CHECKING:
    from edge_identify.edge_runtime.taught.overlay import Overlay

KIND = "edge-identify contribution"
SCHEMA = 1
SUFFIX = ".contribution.json"
MAX_FILE_BYTES = 64 * 2**20  # about 200 pictures; several files may be sent
MAX_THINGS = 200
MAX_PICTURES = 500
_MAX_WORDS = 500  # characters of the contributor's name and of the licence


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributedPicture:
    """A contributed picture: a JPEG whose hash was checked, and whose pixels were not decoded."""

    sha256: str
    jpeg: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributedThing:
    """A contributed thing; the fields are those of `TaughtThing`."""

    id: str
    name: str
    note: str
    taught_utc: datetime
    pictures: tuple[ContributedPicture, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """The content of a contribution file.

    Attributes:
        pack_name: The pack beside which the things were taught.
        pack_version: Its version then.
        created_utc: When the file was written.
        by: The contributor's name, for credit; may be empty.
        licence: The licence that the contributor gives the pictures; may be empty.
        things: At least one.
    """

    pack_name: str
    pack_version: PackVersion
    created_utc: datetime
    by: str
    licence: str
    things: tuple[ContributedThing, ...]


def contribution_of(
    overlay: Overlay,
    *,
    pack_name: str,
    pack_version: PackVersion,
    ids: Sequence[str] = (),
    by: str = "",
    licence: str = "",
) -> Contribution:
    """Return taught things as a contribution.

    Args:
        overlay: What was taught.
        pack_name: The pack beside it.
        pack_version: Its version.
        ids: Ids or names of the things; empty for all.
        by: The contributor's name; empty to give none.
        licence: The licence of the pictures; empty to give none.

    Raises:
        SetupError: There is no such thing, or nothing was taught.
        PackError: A file of the overlay is damaged.
    """
    things = overlay.things()
    missing = [each for each in ids if not any(each in (thing.id, thing.name) for thing in things)]
    if missing or not things:
        what = f"nothing of the name or id {missing[0]!r} was taught" if missing else "nothing was taught yet"
        raise SetupError(f"{what}; see `edge-identify taught`")
    chosen = [thing for thing in things if not ids or thing.id in ids or thing.name in ids]
    return Contribution(
        pack_name=pack_name,
        pack_version=pack_version,
        created_utc=datetime.now(UTC).replace(microsecond=0),
        by=by,
        licence=licence,
        things=tuple(
            ContributedThing(
                id=thing.id,
                name=thing.name,
                note=thing.note,
                taught_utc=thing.taught_utc,
                pictures=tuple(
                    ContributedPicture(sha256=picture.sha256, jpeg=overlay.picture(picture.sha256))
                    for picture in thing.pictures
                ),
            )
            for thing in chosen
        ),
    )


def serialise_contribution(contribution: Contribution) -> bytes:
    """Return the bytes of a contribution file; `parse_contribution` gives the same values back.

    Raises:
        SetupError: It would be larger than a reader accepts.
    """
    data = canonical_json(_as_json(contribution))
    try:
        parse_contribution(data, where="the contribution")
    except PackFormatError as error:
        raise SetupError(f"{error}; contribute fewer things at once, by their ids") from error
    return data


def read_contribution(path: Path) -> Contribution:
    """Read a contribution file.

    Raises:
        SetupError: It cannot be read.
        PackFormatError: As `parse_contribution`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SetupError(f"{path}: cannot be read ({error.strerror}); give a contribution file") from error
    return parse_contribution(data, where=str(path))


def parse_contribution(data: bytes, *, where: str) -> Contribution:
    """Read a contribution from a stranger.

    Raises:
        PackFormatError: It is no contribution, is of a newer schema, has a field that is malformed, a picture that
            differs from its hash, or more than the limits of this module.
    """
    fields = parse_json_object(data, where=where, max_bytes=MAX_FILE_BYTES)
    if fields.values.get("kind") != KIND:
        raise PackFormatError(f"{where}: is no contribution (its `kind` is not {KIND!r})")
    check_schema(fields, SCHEMA)
    things = tuple(_things(fields))
    if not things:
        raise PackFormatError(f"{where}: contributes nothing")
    pack = fields.object("pack")
    return Contribution(
        pack_name=checked_pack_name(pack.text("name")),
        pack_version=PackVersion.parse(pack.text("version")),
        created_utc=time_of(fields, "created_utc"),
        by=_short(fields, "by"),
        licence=_short(fields, "licence"),
        things=things,
    )


def _things(fields: JsonObject) -> Iterator[ContributedThing]:
    ids: set[str] = set()
    pictures = 0
    for entry in fields.objects("things"):
        thing = _thing(entry)
        pictures += len(thing.pictures)
        if thing.id in ids or len(ids) == MAX_THINGS or pictures > MAX_PICTURES:
            raise PackFormatError(
                f"{entry.where}: a thing comes twice, or more than {MAX_THINGS} things, {MAX_PICTURES} pictures"
            )
        ids.add(thing.id)
        yield thing


def _thing(fields: JsonObject) -> ContributedThing:
    name, note = words_of(fields)
    pictures = tuple(_picture(each) for each in fields.objects("pictures"))
    if not pictures:
        raise PackFormatError(f"{fields.where}: has no picture")
    return ContributedThing(
        id=thing_id(fields), name=name, note=note, taught_utc=time_of(fields, "taught_utc"), pictures=pictures
    )


def _picture(fields: JsonObject) -> ContributedPicture:
    sha256 = checked_sha256(fields.text("sha256"))
    jpeg = decoded_base64(fields.text("jpeg"), where=f"{fields.where}.jpeg", most_bytes=MAX_PICTURE_BYTES)
    if sha256_of_bytes(jpeg) != sha256:
        raise PackFormatError(f"{fields.where}: the picture differs from its hash; ask for the file again")
    return ContributedPicture(sha256=sha256, jpeg=jpeg)


def _short(fields: JsonObject, key: str) -> str:
    text = (fields.optional_text(key) or "").strip()
    if len(text) > _MAX_WORDS or not text.isprintable():
        raise PackFormatError(f"{fields.where}: `{key}` is longer than {_MAX_WORDS} characters, or is not printable")
    return text


def _as_json(contribution: Contribution) -> dict[str, Any]:
    return {
        "kind": KIND,
        "schema": SCHEMA,
        "created_utc": contribution.created_utc.isoformat(timespec="seconds"),
        "pack": {"name": contribution.pack_name, "version": str(contribution.pack_version)},
        "by": contribution.by,
        "licence": contribution.licence,
        "things": [
            {
                "id": thing.id,
                "name": thing.name,
                "note": thing.note,
                "taught_utc": thing.taught_utc.isoformat(timespec="seconds"),
                "pictures": [
                    {"sha256": picture.sha256, "jpeg": base64.b64encode(picture.jpeg).decode()}
                    for picture in thing.pictures
                ],
            }
            for thing in contribution.things
        ],
    }
