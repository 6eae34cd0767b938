"""The listing is read back as written; hostile or newer ones are refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.pack.manifest import FileEntry
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.sync.listing import (
    EMPTY_LISTING,
    Listing,
    OfferedVersion,
    blob_path,
    manifest_path,
    parse_listing,
    serialise_listing,
    with_version,
)

_SHA256 = "ab" * 32


def _offered(version: PackVersion, published: datetime = datetime(2026, 1, 31, tzinfo=UTC)) -> OfferedVersion:
    path = manifest_path("street-art", version)
    return OfferedVersion(
        version=version,
        manifest=FileEntry(path=path, length_bytes=10, sha256=_SHA256),
        size_bytes=1234,
        published_utc=published,
    )


def _document(**changes: Any) -> dict[str, Any]:
    listing = with_version(EMPTY_LISTING, "street-art", "Street art", _offered(PackVersion(1, 0, 0)))
    values: dict[str, Any] = json.loads(serialise_listing(listing))
    return {**values, **changes}


def _pack(**changes: Any) -> bytes:
    document = _document()
    document["packs"][0].update(changes)
    return json.dumps(document).encode()


def _version(**changes: Any) -> bytes:
    document = _document()
    document["packs"][0]["versions"][0].update(changes)
    return json.dumps(document).encode()


_versions = st.builds(PackVersion, *[st.integers(0, 10**9 - 1)] * 3)
_times = st.integers(0, 10**10).map(lambda second: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second))
_names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
_titles = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(_names, _titles, _versions, _times), unique_by=lambda row: (row[0], row[2])))
def test_what_was_written_is_read_back(rows: list[tuple[str, str, PackVersion, datetime]]) -> None:
    listing: Listing = EMPTY_LISTING
    for name, title, version, published in rows:
        listing = with_version(listing, name, title, _offered(version, published))
    assert parse_listing(serialise_listing(listing)) == listing
    assert list(listing.packs) == sorted(listing.packs)


@given(st.lists(_versions, min_size=1, unique=True))
def test_the_newest_version_is_the_highest_in_whatever_order_they_came(versions: list[PackVersion]) -> None:
    listing = EMPTY_LISTING
    for version in versions:
        listing = with_version(listing, "street-art", "", _offered(version))
    assert listing.packs["street-art"].newest.version == max(versions)


def test_fields_of_a_newer_publisher_are_kept_at_every_level() -> None:
    document = _document(mirror="https://mirror.example.org")
    document["packs"][0]["language"] = "fr"
    document["packs"][0]["versions"][0]["channel"] = "beta"
    listing = parse_listing(json.dumps(document).encode())
    again = with_version(listing, "street-art", "Street art", _offered(PackVersion(2, 0, 0)))
    values = json.loads(serialise_listing(again))
    assert values["mirror"] == "https://mirror.example.org"
    assert values["packs"][0]["language"] == "fr"
    assert values["packs"][0]["versions"][1]["channel"] == "beta"


def test_a_newer_format_is_refused_with_what_to_do() -> None:
    with pytest.raises(PackFormatError, match=r"listing format 2.*update edge-identify"):
        parse_listing(json.dumps(_document(format=2)).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        json.dumps(_document(packs={})).encode(),
        json.dumps(_document(packs=_document()["packs"] * 2)).encode(),
        _pack(name="../etc"),
        _pack(newest="0.9.0"),
        _pack(versions=[]),
        _pack(versions=_document()["packs"][0]["versions"] * 2),
        _version(version="1.0"),
        _version(size_bytes=-1),
        _version(size_bytes=2**60),
        _version(published_utc="yesterday"),
        _version(published_utc="2026-01-31T00:00:00"),
        _version(published_utc="0001-01-01T00:00:00+14:00"),
        _version(manifest={"path": "../x.json", "length_bytes": 1, "sha256": _SHA256}),
        _version(manifest={"path": "/x.json", "length_bytes": 1, "sha256": _SHA256}),
        _version(manifest={"path": "x.json", "length_bytes": 2**30, "sha256": _SHA256}),
        _version(manifest={"path": "x.json", "length_bytes": 1, "sha256": "AB"}),
    ],
)
def test_a_listing_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(PackFormatError):
        parse_listing(data)


def test_the_layout_of_the_tree_stays_as_published() -> None:
    assert manifest_path("street-art", PackVersion(1, 2, 3)) == "manifests/street-art/1.2.3.json"
    assert blob_path(_SHA256) == f"blobs/sha256/ab/{_SHA256}"
