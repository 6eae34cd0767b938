"""Thumbnail files with correct hashes and malicious content: each one is refused when it is read."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError, PhotoError
from edge_identify.edge_runtime.pack import thumbnails_file
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.pack.thumbnails_file import ThumbnailTable, open_thumbnails, write_thumbnails
from edge_identify.edge_runtime.search.identifier import Identifier

MakePack = Callable[[], Path]
Rewrite = Callable[[Path], None]
FILE = "thumbnails.sqlite"


def encoded(size: tuple[int, int] = (32, 24), kind: str = "WEBP") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (200, 30, 70)).save(stream, kind)
    return stream.getvalue()


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    values = json.loads((folder / MANIFEST_NAME).read_bytes())
    change(values)
    (folder / MANIFEST_NAME).write_text(json.dumps(values))


def with_file(folder: Path, rewrite_manifest: Rewrite, side_px: object = 32) -> Path:
    """Add `folder/FILE` to the manifest with its correct hash."""
    rewrite_manifest(folder)
    change_manifest(folder, lambda values: values.update(thumbnails={"file": FILE, "side_px": side_px}))
    return folder


def with_thumbnail(folder: Path, rewrite_manifest: Rewrite, data: bytes) -> Path:
    write_thumbnails(folder / FILE, [(4, data)])
    return with_file(folder, rewrite_manifest)


def opened(folder: Path) -> ThumbnailTable:
    thumbnails = open_thumbnails(open_pack(folder))
    assert thumbnails is not None
    return thumbnails


def test_the_honest_file_is_read(colour_pack: MakePack, rewrite_manifest: Rewrite) -> None:
    folder = with_thumbnail(colour_pack(), rewrite_manifest, encoded())
    with opened(folder) as thumbnails:
        image = thumbnails.image(4)
        assert image is not None
        assert (image.mode, image.size) == ("RGB", (32, 24))
        assert thumbnails.webp(4) == encoded()
        assert thumbnails.webp(5) is None
        assert thumbnails.image(5) is None


def test_too_little_memory_for_a_thumbnail_is_no_damage(
    colour_pack: MakePack, rewrite_manifest: Rewrite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise PhotoError("thumbnail 4: there is too little memory") from MemoryError()

    folder = with_thumbnail(colour_pack(), rewrite_manifest, encoded())
    monkeypatch.setattr(thumbnails_file, "decode_image", full)
    with opened(folder) as thumbnails, pytest.raises(MemoryError):
        thumbnails.image(4)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (encoded((33, 24)), "33 x 24 pixels; a side may have 32 at most"),
        (encoded((16_383, 1)), "16383 x 1 pixels; a side may have 32 at most"),
        (encoded()[:-8], "is damaged, or a kind of WebP that cannot be read"),
        (encoded()[:30], "damaged"),
        (encoded()[:12] + b"rubbish" * 9, "is damaged, or a kind of WebP that cannot be read"),
    ],
)
def test_a_thumbnail_that_is_not_the_small_image_it_says_is_refused_before_it_is_decoded(
    colour_pack: MakePack, rewrite_manifest: Rewrite, data: bytes, message: str
) -> None:
    folder = with_thumbnail(colour_pack(), rewrite_manifest, data)
    with opened(folder) as thumbnails, pytest.raises(PackDamagedError, match="the thumbnail of image 4") as refused:
        thumbnails.image(4)
    assert message in str(refused.value)
    assert "build or fetch the pack again" in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"RIFF", encoded(kind="PNG"), encoded(kind="GIF"), b"<svg onload=alert(1)>"])
def test_bytes_of_another_kind_are_handed_to_nobody(
    colour_pack: MakePack, rewrite_manifest: Rewrite, data: bytes
) -> None:
    folder = with_thumbnail(colour_pack(), rewrite_manifest, data)
    with opened(folder) as thumbnails, pytest.raises(PackDamagedError, match="does not begin like a WebP file"):
        thumbnails.webp(4)


def test_a_thumbnail_that_would_fill_the_memory_is_refused_unread(
    colour_pack: MakePack, rewrite_manifest: Rewrite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails_file, "MAX_THUMBNAIL_BYTES", 50)
    folder = with_thumbnail(colour_pack(), rewrite_manifest, encoded())
    with opened(folder) as thumbnails, pytest.raises(PackDamagedError, match=r"blob of \d+ bytes, 50 at most"):
        thumbnails.webp(4)


@pytest.mark.parametrize("value", ["RIFF....WEBP", 12, 1.5])
def test_a_value_of_another_type_is_no_image(colour_pack: MakePack, rewrite_manifest: Rewrite, value: object) -> None:
    folder = colour_pack()
    with closing(sqlite3.connect(folder / FILE)) as database:
        database.execute("CREATE TABLE thumbnail (index_id INTEGER PRIMARY KEY, webp)")
        database.execute("INSERT INTO thumbnail VALUES (4, ?)", (value,))
        database.commit()
    with_file(folder, rewrite_manifest)
    with opened(folder) as thumbnails, pytest.raises(PackDamagedError, match="the thumbnail of image 4 is damaged"):
        thumbnails.webp(4)


@pytest.mark.parametrize("content", [b"rubbish" * 1000, b"", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_of_rubbish_is_refused_by_name_and_the_pack_still_answers(
    colour_pack: MakePack, rewrite_manifest: Rewrite, tmp_path: Path, content: bytes
) -> None:
    folder = colour_pack()
    (folder / FILE).write_bytes(content)
    with_file(folder, rewrite_manifest)
    Image.new("RGB", (9, 9), (250, 5, 5)).save(tmp_path / "photo.png")

    with opened(folder) as thumbnails, pytest.raises(PackDamagedError, match="not a readable thumbnails file"):
        thumbnails.webp(1)
    with Identifier(open_pack(folder)) as identifier:
        assert identifier.identify(tmp_path / "photo.png").matches[0].reference.id == "red"


def test_a_file_that_changed_or_vanished_is_refused_unread(colour_pack: MakePack, rewrite_manifest: Rewrite) -> None:
    folder = with_thumbnail(colour_pack(), rewrite_manifest, encoded())
    data = (folder / FILE).read_bytes()
    (folder / FILE).write_bytes(data[:-1] + b"!")
    with pytest.raises(PackDamagedError, match="its content has changed"):
        opened(folder)

    (folder / FILE).unlink()
    with pytest.raises(PackDamagedError, match=r"thumbnails\.sqlite: is missing"):
        open_pack(folder)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"file": "elsewhere.sqlite", "side_px": 32}, "names 'elsewhere.sqlite', which is not among its files"),
        ({"file": "../../secret", "side_px": 32}, "secret"),
        ({"file": FILE, "side_px": 0}, "side_px"),
        ({"file": FILE, "side_px": 1025}, "side_px"),
        ({"file": FILE, "side_px": 32.5}, "side_px"),
        ({"file": FILE}, "side_px"),
        ({"side_px": 32}, "file"),
        ([1, 2], "thumbnails"),
    ],
)
def test_an_entry_that_cannot_be_is_refused_with_the_manifest(
    colour_pack: MakePack, rewrite_manifest: Rewrite, entry: object, message: str
) -> None:
    folder = with_thumbnail(colour_pack(), rewrite_manifest, encoded())
    change_manifest(folder, lambda values: values.update(thumbnails=entry))
    with pytest.raises(PackFormatError, match=message):
        open_pack(folder)
