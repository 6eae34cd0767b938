"""A file piece reads like a file with these bytes alone."""

from __future__ import annotations

import io
import os

from hypothesis import given
from hypothesis import strategies as st

from edge_identify.sync_server.delivery.file_piece import open_piece

STEPS = st.lists(
    st.tuples(st.just("read"), st.integers(-1, 120))
    | st.tuples(st.just("seek"), st.integers(0, 120))
    | st.tuples(st.just("end"), st.integers(0, 0)),
    max_size=12,
)


def _outcomes(file: io.BytesIO | io.BufferedReader, steps: list[tuple[str, int]]) -> list[object]:
    outcomes: list[object] = []
    for step, number in steps:
        match step:
            case "read":
                outcomes.append(file.read(number))
            case "seek":
                outcomes.append(file.seek(number))
            case "end":
                outcomes.append(file.seek(number, os.SEEK_END))
        outcomes.append(file.tell())
    return outcomes


@given(data=st.binary(max_size=100), first=st.integers(0, 110), length=st.integers(0, 110), steps=STEPS)
def test_a_piece_reads_like_a_file_of_its_own(
    data: bytes, first: int, length: int, steps: list[tuple[str, int]]
) -> None:
    length = min(length, max(0, len(data) - first))
    piece = open_piece(io.BytesIO(data), first, length)
    assert isinstance(piece, io.BufferedReader)
    assert _outcomes(piece, steps) == _outcomes(io.BytesIO(data[first : first + length]), steps)


def test_a_piece_of_a_file_that_was_cut_ends_where_the_file_does() -> None:
    assert open_piece(io.BytesIO(b"0123"), 2, 10).read() == b"23"


def test_closing_a_piece_closes_its_file() -> None:
    file = io.BytesIO(b"0123")
    open_piece(file, 1, 2).close()
    assert file.closed
