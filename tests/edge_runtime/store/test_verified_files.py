"""A file is hashed once, and again after any change of its size, times or inode."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.pack.manifest import FileEntry
from edge_identify.edge_runtime.pack.pack_reader import check_file, open_pack
from edge_identify.edge_runtime.store import verified_files
from edge_identify.edge_runtime.store.verified_files import VerifiedFiles

CONTENT = b"an encoder" * 100


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashed files, in order. All files count as old enough to be recorded."""
    paths: list[str] = []

    def counted(folder: Path, entry: FileEntry) -> None:
        paths.append(entry.path)
        check_file(folder, entry)

    monkeypatch.setattr(verified_files, "check_file", counted)
    monkeypatch.setattr(verified_files, "_SETTLED_NS", -1)
    return paths


@pytest.fixture
def entry(tmp_path: Path) -> FileEntry:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/model.onnx").write_bytes(CONTENT)
    return FileEntry(path="model.onnx", length_bytes=len(CONTENT), sha256=sha256_of_file(tmp_path / "pack/model.onnx"))


def check(tmp_path: Path, entry: FileEntry) -> None:
    """As a process of its own would."""
    VerifiedFiles(tmp_path / "verified.json").check(tmp_path / "pack", entry)


def test_a_file_that_was_not_touched_is_hashed_once(tmp_path: Path, entry: FileEntry, hashed: list[str]) -> None:
    for _ in range(3):
        check(tmp_path, entry)

    assert hashed == ["model.onnx"]


def test_a_changed_byte_is_noticed_though_size_and_time_are_put_back(
    tmp_path: Path, entry: FileEntry, hashed: list[str]
) -> None:
    check(tmp_path, entry)
    path = tmp_path / "pack/model.onnx"
    before = path.stat()
    path.write_bytes(CONTENT[:-1] + b"!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    with pytest.raises(PackDamagedError, match=r"model\.onnx: its content has changed"):
        check(tmp_path, entry)
    assert len(hashed) == 2


def test_a_file_put_in_its_place_is_hashed_again(tmp_path: Path, entry: FileEntry, hashed: list[str]) -> None:
    check(tmp_path, entry)
    (tmp_path / "pack/new").write_bytes(CONTENT)
    (tmp_path / "pack/new").replace(tmp_path / "pack/model.onnx")

    check(tmp_path, entry)

    assert hashed == ["model.onnx", "model.onnx"]


def test_another_hash_in_the_manifest_is_not_covered_by_the_note(
    tmp_path: Path, entry: FileEntry, hashed: list[str]
) -> None:
    check(tmp_path, entry)
    assert hashed == ["model.onnx"]

    with pytest.raises(PackDamagedError, match="its content has changed"):
        check(tmp_path, FileEntry(path="model.onnx", length_bytes=len(CONTENT), sha256="0" * 64))


def test_a_file_changed_a_moment_ago_is_not_noted(
    tmp_path: Path, entry: FileEntry, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verified_files, "_SETTLED_NS", 3 * 10**9)
    for _ in range(2):
        check(tmp_path, entry)

    assert hashed == ["model.onnx", "model.onnx"]
    assert not (tmp_path / "verified.json").exists()


def test_a_damaged_file_is_never_noted(tmp_path: Path, entry: FileEntry, hashed: list[str]) -> None:
    (tmp_path / "pack/model.onnx").write_bytes(CONTENT[::-1])
    for _ in range(2):
        with pytest.raises(PackDamagedError):
            check(tmp_path, entry)

    assert len(hashed) == 2


@pytest.mark.parametrize("notes", [b"", b"[]", b"nonsense", b'{"pack/model.onnx": 1}', b"[" * 100_000])
def test_broken_notes_cost_time_and_nothing_else(
    tmp_path: Path, entry: FileEntry, hashed: list[str], notes: bytes
) -> None:
    (tmp_path / "verified.json").write_bytes(notes)
    for _ in range(2):
        check(tmp_path, entry)

    assert hashed == ["model.onnx"]


def test_notes_of_files_that_are_gone_go_too(tmp_path: Path, entry: FileEntry, hashed: list[str]) -> None:
    check(tmp_path, entry)
    (tmp_path / "pack/model.onnx").rename(tmp_path / "pack/other.onnx")
    check(tmp_path, FileEntry(path="other.onnx", length_bytes=entry.length_bytes, sha256=entry.sha256))
    assert hashed == ["model.onnx", "other.onnx"]

    notes = (tmp_path / "verified.json").read_text()
    assert "other.onnx" in notes
    assert "model.onnx" not in notes


def test_where_nothing_can_be_written_files_are_hashed_every_time(
    tmp_path: Path, entry: FileEntry, hashed: list[str]
) -> None:
    (tmp_path / "verified.json").mkdir()
    for _ in range(2):
        check(tmp_path, entry)

    assert len(hashed) == 2


def test_a_pack_opened_without_notes_hashes(colour_pack: Callable[[], Path], hashed: list[str]) -> None:
    folder = colour_pack()
    open_pack(folder, check=VerifiedFiles(folder.parent / "verified.json").check).file("images.faiss")
    assert hashed == ["images.faiss"]

    open_pack(folder, check=VerifiedFiles(folder.parent / "verified.json").check).file("images.faiss")
    assert hashed == ["images.faiss"]
    (folder / "images.faiss").write_bytes(b"x" * (folder / "images.faiss").stat().st_size)
    with pytest.raises(PackDamagedError):
        open_pack(folder).file("images.faiss")


def test_files_that_were_just_written_are_recorded_once_their_times_can_be_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytes(2_000_000)
    path = tmp_path / "pack/model.onnx"
    path.parent.mkdir()
    path.write_bytes(content)
    entry = FileEntry(path=path.name, length_bytes=len(content), sha256=sha256_of_file(path))
    changed_ns = max(path.stat().st_mtime_ns, path.stat().st_ctime_ns)
    waits: list[float] = []

    for passed_ms in (20, 49, 60):
        monkeypatch.setattr(verified_files, "time_ns", lambda at=changed_ns + passed_ms * 10**6: at)
        VerifiedFiles(tmp_path / "verified.json").record(path.parent, [entry], wait=waits.append)

    assert waits == pytest.approx([0.031, 0.002])
