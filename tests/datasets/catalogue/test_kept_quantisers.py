"""A version gets the quantiser of the last earlier version of its major version, whatever was built in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.catalogue.kept_quantisers import KeptQuantiser, KeptQuantisers
from edge_identify.edge_runtime.pack.pack_names import PackVersion


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[KeptQuantisers]:
    with Catalogue.open(tmp_path / "c.db") as catalogue:
        found = catalogue.kept_quantisers()
        for version in ("1.0.0", "1.9.0", "1.10.0", "2.1.0"):
            found.keep("cats", quantiser(version))
        yield found


def quantiser(version: str, ranges: bytes = b"") -> KeptQuantiser:
    return KeptQuantiser(version=PackVersion.parse(version), space_id="0" * 64, ranges=ranges or version.encode())


@pytest.mark.parametrize(
    ("version", "ranges"),
    [
        ("1.0.0", None),  # the first version of a major version makes its own, however often it is built
        ("1.0.1", b"1.0.0"),
        ("1.9.0", b"1.0.0"),
        ("1.10.0", b"1.9.0"),
        ("1.11.0", b"1.10.0"),
        ("2.0.0", None),
        ("3.0.0", None),
    ],
)
def test_the_last_before_a_version_counts(kept: KeptQuantisers, version: str, ranges: bytes | None) -> None:
    found = kept.before("cats", PackVersion.parse(version))
    assert (found.ranges if found else None) == ranges
    assert kept.before("dogs", PackVersion.parse(version)) is None


def test_one_that_is_made_again_replaces_the_first_and_one_that_is_not_needed_is_forgotten(
    kept: KeptQuantisers,
) -> None:
    kept.keep("cats", quantiser("1.10.0", b"again"))
    assert kept.before("cats", PackVersion.parse("1.11.0")) == quantiser("1.10.0", b"again")
    kept.forget("cats", PackVersion.parse("1.10.0"))
    kept.forget("cats", PackVersion.parse("1.10.0"))
    assert kept.before("cats", PackVersion.parse("1.11.0")) == quantiser("1.9.0")
