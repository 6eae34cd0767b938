"""Contribution files from strangers: one lie each."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from feature_nets import plain_photo

from edge_identify.edge_runtime.errors import PackFormatError, SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.photos.photo_inputs import open_photo_input
from edge_identify.edge_runtime.taught import contribution_file
from edge_identify.edge_runtime.taught.contribution_file import (
    ContributedPicture,
    ContributedThing,
    Contribution,
    parse_contribution,
    read_contribution,
    serialise_contribution,
)
from edge_identify.edge_runtime.taught.kept_picture import kept_picture

JPEG = kept_picture(open_photo_input(plain_photo(0, 0, 255)))
TIME = datetime(2026, 1, 31, tzinfo=UTC)
PICTURE = ContributedPicture(sha256=sha256_of_bytes(JPEG), jpeg=JPEG)
CONTRIBUTION = Contribution(
    pack_name="street-art",
    pack_version=PackVersion(1, 2, 0),
    created_utc=TIME,
    by="Ada",
    licence="CC0-1.0",
    things=(ContributedThing(id="own:1f", name="Door", note="left", taught_utc=TIME, pictures=(PICTURE,)),),
)


def document() -> Any:
    return json.loads(serialise_contribution(CONTRIBUTION))


def refused(changed: Any) -> str:
    with pytest.raises(PackFormatError) as caught:
        parse_contribution(json.dumps(changed).encode(), where="gift.json")
    return str(caught.value)


def test_reading_gives_back_what_was_written() -> None:
    assert parse_contribution(serialise_contribution(CONTRIBUTION), where="test") == CONTRIBUTION


def test_fields_of_a_later_version_are_ignored() -> None:
    assert parse_contribution(json.dumps(document() | {"mood": "good"}).encode(), where="test") == CONTRIBUTION


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kind": "something"}, "is no contribution"),
        ({"schema": 2}, "schema 2 is newer"),
        ({"things": []}, "contributes nothing"),
        ({"things": [1]}, "expected an object"),
        ({"pack": {"name": "../up", "version": "1.0.0"}}, "name"),
        ({"by": "x" * 501}, "longer than 500"),
        ({"licence": "a\nb"}, "not printable"),
        ({"created_utc": "soon"}, "is no time"),
    ],
)
def test_a_malformed_file_is_refused(changes: dict[str, object], told: str) -> None:
    assert told in refused(document() | changes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"id": "PA_01"}, "should look like own"),
        ({"name": "\u202eevil"}, "control characters"),
        ({"note": "x" * 2001}, "2001 characters"),
        ({"pictures": []}, "has no picture"),
    ],
)
def test_a_malformed_thing_is_refused(changes: dict[str, object], told: str) -> None:
    lie = document()
    lie["things"][0] |= changes

    assert told in refused(lie)


def test_a_picture_that_differs_from_its_hash_is_refused() -> None:
    lie = document()
    lie["things"][0]["pictures"][0]["jpeg"] = base64.b64encode(JPEG[:-2]).decode()

    assert "differs from its hash" in refused(lie)


def test_a_picture_is_bounded_before_it_is_decoded() -> None:
    lie = document()
    lie["things"][0]["pictures"][0]["jpeg"] = "A" * (4 * 2**20)

    assert "2097152 bytes are allowed" in refused(lie)


def test_a_thing_that_comes_twice_is_refused() -> None:
    lie = document()
    lie["things"] *= 2

    assert "comes twice" in refused(lie)


def test_a_file_that_is_too_long_is_refused_unparsed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(contribution_file, "MAX_FILE_BYTES", 100)
    (tmp_path / "gift.json").write_bytes(b" " * 101)

    with pytest.raises(PackFormatError, match="more than the limit"):
        read_contribution(tmp_path / "gift.json")
    with pytest.raises(SetupError, match="contribute fewer things"):
        serialise_contribution(CONTRIBUTION)
