"""The `Range` header by RFC 9110."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_identify.sync_server.delivery.range_header import ByteRange, UnsatisfiableRangeError, requested_range


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=0-", 0, 99),
        ("bytes=99-", 99, 99),
        ("bytes=10-1000", 10, 99),
        ("bytes=-1", 99, 99),
        ("bytes=-1000", 0, 99),
        ("Bytes= 5-6 ", 5, 6),
    ],
)
def test_a_single_range_of_a_hundred_bytes(header: str, first: int, last: int) -> None:
    assert requested_range(header, 100) == ByteRange(first=first, last=last)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-2",
        "bytes=1-2,4-5",
        "items=0-1",
        "bytes=+1-2",
        "bytes=0x1-2",
        "bytes=1 - 2",
        "bytes=\u0661-\u0662",
        "bytes=" + "9" * 5000 + "-",
        "bytes=--1",
        "bytes=1-2;",
    ],
)
def test_what_is_malformed_or_asks_for_several_pieces_gets_the_whole(header: str | None) -> None:
    assert requested_range(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_piece_behind_the_end_cannot_be_had(header: str) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        requested_range(header, 100)


def test_an_empty_file_has_no_pieces() -> None:
    assert requested_range("bytes=-5", 0) is None
    with pytest.raises(UnsatisfiableRangeError):
        requested_range("bytes=0-", 0)


@given(st.integers(1, 1000), st.integers(0, 1200), st.integers(0, 1200))
def test_a_piece_always_lies_within_the_file(length: int, first: int, last: int) -> None:
    try:
        piece = requested_range(f"bytes={first}-{last}", length)
    except UnsatisfiableRangeError:
        assert first >= length
        return
    if piece is None:
        assert last < first
    else:
        assert 0 <= piece.first <= piece.last < length
        assert piece.length_bytes == len(range(length)[first : last + 1])


@given(st.text(max_size=30))
def test_no_header_breaks_the_reader(header: str) -> None:
    with suppress(UnsatisfiableRangeError):
        requested_range(f"bytes={header}", 10)
