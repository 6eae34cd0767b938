"""A file that arrives in parts: a wrong piece costs one piece, and no part is continued by another file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edge_identify.edge_runtime.pack.manifest import FileEntry
from edge_identify.edge_runtime.sync import partial_file, piece_hashes
from edge_identify.edge_runtime.sync.partial_file import PartialFile, WrongContentError, WrongPieceError

PIECE = 1000
DATA = bytes(range(256)) * 10  # two pieces and a half
ENTRY = FileEntry(path="index.faiss", length_bytes=len(DATA), sha256=hashlib.sha256(DATA).hexdigest())
PIECES = tuple(hashlib.sha256(DATA[at : at + PIECE]).hexdigest() for at in range(0, len(DATA), PIECE))


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partial_file, "PIECE_BYTES", PIECE)
    monkeypatch.setattr(piece_hashes, "PIECE_BYTES", PIECE)


def receive(file: PartialFile, data: bytes, start: int = 0, chunk: int = 300, etag: str = "") -> None:
    with file.arriving(start, etag=etag) as append:
        for at in range(0, len(data), chunk):
            append(data[at : at + chunk])


@pytest.mark.parametrize("chunk", [1, 300, 1000, 1700, 5000])
def test_a_file_arrives_in_chunks_of_any_length(chunk: int, tmp_path: Path) -> None:
    file = PartialFile(ENTRY, tmp_path / "file", pieces=PIECES)

    receive(file, DATA, chunk=chunk)

    assert (tmp_path / "file").read_bytes() == DATA
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_wrong_piece_alone_is_dropped_and_fetched_again(tmp_path: Path) -> None:
    file = PartialFile(ENTRY, tmp_path / "file", pieces=PIECES)
    wrong = bytearray(DATA)
    wrong[PIECE + 10] ^= 1

    with pytest.raises(WrongPieceError, match="piece 2") as caught:
        receive(file, bytes(wrong))
    assert (file.arrived_bytes, caught.value.is_repeated) == (PIECE, False)

    receive(file, DATA[PIECE:], start=PIECE)
    assert (tmp_path / "file").read_bytes() == DATA


def test_the_same_wrong_piece_again_is_said_to_be_repeated(tmp_path: Path) -> None:
    file = PartialFile(ENTRY, tmp_path / "file", pieces=(*PIECES[:-1], "0" * 64))
    for is_repeated in (False, True):
        with pytest.raises(WrongPieceError) as caught:
            receive(file, DATA[file.arrived_bytes :], start=file.arrived_bytes)
        assert caught.value.is_repeated is is_repeated
        assert file.arrived_bytes == 2 * PIECE


def test_a_flipped_bit_in_a_part_from_yesterday_costs_what_follows_its_piece(tmp_path: Path) -> None:
    part = bytearray(DATA[:2400])
    part[PIECE + 1] ^= 1
    (tmp_path / "file.part").write_bytes(part)
    file = PartialFile(ENTRY, tmp_path / "file", pieces=PIECES)

    file.keep_right_pieces()

    assert file.arrived_bytes == PIECE


def test_a_whole_part_and_an_unfinished_piece_are_kept(tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(DATA[:2400])
    file = PartialFile(ENTRY, tmp_path / "file", pieces=PIECES)
    file.keep_right_pieces()
    assert file.arrived_bytes == 2400


def test_pieces_that_fit_and_a_hash_that_does_not_are_refused(tmp_path: Path) -> None:
    other = FileEntry(path="index.faiss", length_bytes=len(DATA), sha256="0" * 64)
    file = PartialFile(other, tmp_path / "file", pieces=PIECES)
    with pytest.raises(WrongContentError, match="SHA-256"):
        receive(file, DATA)
    assert list(tmp_path.iterdir()) == []


def test_the_etag_of_a_part_is_known_to_a_later_process_and_for_its_url_alone(tmp_path: Path) -> None:
    receive(PartialFile(ENTRY, tmp_path / "file", url="http://a/blob"), DATA[:500], etag='"first"')
    assert PartialFile(ENTRY, tmp_path / "file", url="http://a/blob").etag() == '"first"'
    assert PartialFile(ENTRY, tmp_path / "file", url="http://b/blob").etag() == ""


@pytest.mark.parametrize("etag", ['W/"weak"', "unquoted", '"a\nb"', ""])
def test_an_etag_that_is_not_strong_is_not_asked_for(etag: str, tmp_path: Path) -> None:
    receive(PartialFile(ENTRY, tmp_path / "file", url="u"), DATA[:500], etag=etag)
    assert PartialFile(ENTRY, tmp_path / "file", url="u").etag() == ""


@pytest.mark.parametrize("note", [b"", b"[]", b'{"url": "u"}', b"\xff", b"[" * 5000])
def test_a_damaged_note_is_as_none(note: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.part.json").write_bytes(note)
    assert PartialFile(ENTRY, tmp_path / "file", url="u").etag() == ""
