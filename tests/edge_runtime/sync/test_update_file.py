"""Update files: patches give the new file or an error, whatever they hold."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_identify.edge_runtime.errors import PackDamagedError, PackError
from edge_identify.edge_runtime.pack.manifest import FileEntry
from edge_identify.edge_runtime.sync.update_file import (
    UpdateFile,
    applied,
    make_patch,
    open_update,
    patch_file,
    write_update,
)

RANDOM = random.Random(5)
OLD = RANDOM.randbytes(20_000)
NEW = OLD[:5000] + b"one more row" + OLD[5000:] + RANDOM.randbytes(300)


def entry(data: bytes, path: str = "index.faiss") -> FileEntry:
    return FileEntry(path=path, length_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


@pytest.fixture
def update(tmp_path: Path) -> UpdateFile:
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "update").write_bytes(write_update({"index.faiss": make_patch(OLD, NEW)}))
    return open_update(tmp_path / "update")


def test_a_patch_has_the_length_of_what_is_new(update: UpdateFile, tmp_path: Path) -> None:
    patch_file(update, tmp_path / "old", entry(OLD).sha256, entry(NEW), tmp_path / "new")

    assert (tmp_path / "new").read_bytes() == NEW
    assert update.path.stat().st_size < 450


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_file_becomes_any_other(old: bytes, new: bytes) -> None:
    assert b"".join(applied(make_patch(old, new), old, len(new))) == new


def test_a_patch_that_expands_without_end_is_stopped_at_the_stated_length() -> None:
    bomb = make_patch(OLD, bytes(30_000_000))
    assert len(bomb) < 10_000
    given_parts: list[bytes] = []
    with pytest.raises(PackDamagedError, match="another length"):
        given_parts.extend(applied(bomb, OLD, 1000))
    assert sum(len(part) for part in given_parts) <= 1000


@pytest.mark.parametrize("kept", [0, 1, 10, -1])
def test_a_truncated_patch_is_an_error(kept: int) -> None:
    with pytest.raises(PackDamagedError):
        list(applied(make_patch(OLD, NEW)[:kept], OLD, len(NEW)))


def test_another_old_file_is_refused_before_the_patch_is_read(update: UpdateFile, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(OLD[:-1] + b"!")
    with pytest.raises(PackDamagedError, match="not the file that its manifest describes"):
        patch_file(update, tmp_path / "old", entry(OLD).sha256, entry(NEW), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_no_flipped_bit_of_an_update_gives_a_wrong_file(update: UpdateFile, tmp_path: Path) -> None:
    """Even if its hash were not checked."""
    whole = update.path.read_bytes()
    for _ in range(150):
        at = RANDOM.randrange(len(whole) * 8)
        flipped = bytearray(whole)
        flipped[at // 8] ^= 1 << at % 8
        update.path.write_bytes(flipped)
        (tmp_path / "new").unlink(missing_ok=True)
        try:
            patch_file(open_update(update.path), tmp_path / "old", entry(OLD).sha256, entry(NEW), tmp_path / "new")
        except (PackError, KeyError):
            assert not (tmp_path / "new").exists()
        else:
            assert (tmp_path / "new").read_bytes() == NEW
