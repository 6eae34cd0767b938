"""Binary code files with correct hashes and malicious content: each one is refused before the first search."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_identify.edge_runtime.answers.identification import StageSeconds
from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, BinaryCodesSpec
from edge_identify.edge_runtime.pack.manifest_json import serialise_manifest
from edge_identify.edge_runtime.pack.pack_reader import open_pack, read_manifest
from edge_identify.edge_runtime.search.binary_codes import BinaryCodeSearch
from edge_identify.edge_runtime.search.identifier import Identifier
from edge_identify.edge_runtime.search.reference_finder import ReferenceFinder

MakePack = Callable[[], Path]
Rewrite = Callable[[Path], None]

# The layout of `binary_codes_file`, written by hand: three dimensions, five rows of one word.
HEADER = b"EISIGNS1" + struct.pack("<IIQ", 3, 8, 5)
MEAN = np.array([0.3, 0.3, 0.3], "<f4").tobytes()
ROWS = b"".join(bytes([bits, *[0] * 7]) for bits in (1, 2, 4, 1, 1))
GOOD = (HEADER + MEAN).ljust(64, b"\0") + ROWS


def with_binary_codes(folder: Path, rewrite_manifest: Rewrite, data: bytes) -> Path:
    (folder / "images.signs").write_bytes(data)
    rewrite_manifest(folder)
    manifest = read_manifest(folder)
    index = replace(manifest.index, binary_codes=BinaryCodesSpec(file="images.signs", recall_at_10=1.0))
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(replace(manifest, index=index)))
    return folder


def test_the_honest_file_is_read(colour_pack: MakePack, rewrite_manifest: Rewrite) -> None:
    folder = with_binary_codes(colour_pack(), rewrite_manifest, GOOD)
    for many in (False, True):
        finder = ReferenceFinder(open_pack(folder), many=many, variant_name="onnx-fp32")
        spent = StageSeconds(prepare=0.0, encode=0.0, search=0.0, decide=0.0)
        (answer,) = finder.answers(np.array([[[1, 0, 0]]], np.float32), 4, [spent])
        finder.close()
        assert [match.reference.id for match in answer.matches] == ["red", "crimson", "green", "blue"]
        assert isinstance(finder._search, BinaryCodeSearch)


def altered(at: int, layout: str, value: float) -> bytes:
    data = bytearray(GOOD)
    struct.pack_into(layout, data, at, value)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends after 0 bytes, within its header"),
        (GOOD[:23], "ends after 23 bytes, within its header"),
        (GOOD[:24], "is 24 bytes long; its header requires 104"),
        (GOOD[:-1], "is 103 bytes long; its header requires 104"),
        (GOOD + b"\0", "is 105 bytes long; its header requires 104"),
        (b"EISIGNS2" + GOOD[8:], "begins with b'EISIGNS2'"),
        (b"rubbish " * 13, "begins with b'rubbish '"),
        (altered(8, "<I", 2**32 - 1), "for 4294967295 dimensions"),
        (altered(8, "<I", 0), "for 0 dimensions"),
        (altered(12, "<I", 16), "5 rows of 16 bytes"),
        (altered(12, "<I", 2**32 - 1), "rows of 4294967295 bytes"),
        (altered(16, "<Q", 2**64 - 1), "holds 18446744073709551615 rows"),
        (altered(16, "<Q", 4), "holds 4 rows"),
        (altered(24, "<f", float("nan")), "its mean holds NaN or infinite values"),
        (altered(32, "<f", float("inf")), "its mean holds NaN or infinite values"),
    ],
)
def test_binary_codes_that_lie_are_refused(
    colour_pack: MakePack, rewrite_manifest: Rewrite, data: bytes, message: str
) -> None:
    folder = with_binary_codes(colour_pack(), rewrite_manifest, data)

    for many in (False, True):
        with pytest.raises(PackDamagedError, match=r"images\.signs: ") as refused:
            Identifier(open_pack(folder), many=many)
        assert message in str(refused.value)
        assert "build or fetch the pack again" in str(refused.value)


def test_an_index_file_is_refused_as_binary_codes(colour_pack: MakePack) -> None:
    folder = colour_pack()
    values = json.loads((folder / MANIFEST_NAME).read_text())
    values["index"]["signs"] = {"file": "images.faiss", "recall_at_10": 1.0}
    (folder / MANIFEST_NAME).write_text(json.dumps(values))

    with pytest.raises(PackDamagedError, match=r"images\.faiss: begins with b'IxM2"):
        Identifier(open_pack(folder))


@pytest.mark.parametrize("many", [False, True])
def test_binary_codes_of_another_content_than_the_manifest_s_are_refused_unread(
    colour_pack: MakePack, rewrite_manifest: Rewrite, many: bool
) -> None:
    folder = with_binary_codes(colour_pack(), rewrite_manifest, GOOD)
    (folder / "images.signs").write_bytes(GOOD[:-8] + b"\x07" + GOOD[-7:])

    with pytest.raises(PackDamagedError, match="its content has changed"):
        Identifier(open_pack(folder), many=many)


def test_binary_codes_that_are_missing_are_missed_when_the_pack_is_opened(
    colour_pack: MakePack, rewrite_manifest: Rewrite
) -> None:
    folder = with_binary_codes(colour_pack(), rewrite_manifest, GOOD)
    (folder / "images.signs").unlink()

    with pytest.raises(PackDamagedError, match=r"images\.signs: is missing"):
        open_pack(folder)
