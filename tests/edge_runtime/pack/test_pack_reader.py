"""An intact pack is read back; a changed pack is refused with an error that names the file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError, PackNotFoundError
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest, serialise_manifest
from edge_identify.edge_runtime.pack.pack_reader import open_pack, read_manifest, verify_pack_files
from edge_identify.edge_runtime.search.identifier import Identifier

FILES = ("encoders/model.onnx", "images.faiss", "references.sqlite")


def test_a_manifest_that_was_written_is_read_back_the_same(colour_pack: Callable[[], Path]) -> None:
    manifest = read_manifest(colour_pack())

    assert parse_manifest(serialise_manifest(manifest)) == manifest


@pytest.mark.parametrize("path", FILES)
def test_a_flipped_bit_is_noticed_before_anything_reads_the_file(colour_pack: Callable[[], Path], path: str) -> None:
    folder = colour_pack()
    data = bytearray((folder / path).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / path).write_bytes(data)

    with pytest.raises(PackDamagedError, match=f"{path}: its content has changed"):
        Identifier(open_pack(folder))


@pytest.mark.parametrize("path", FILES)
def test_a_missing_or_shortened_file_is_noticed_when_the_pack_is_opened(
    colour_pack: Callable[[], Path], path: str
) -> None:
    folder = colour_pack()
    (folder / path).write_bytes((folder / path).read_bytes()[:-1])
    with pytest.raises(PackDamagedError, match=f"{path}: expected .* bytes, found"):
        open_pack(folder)

    (folder / path).unlink()
    with pytest.raises(PackDamagedError, match=f"{path}: is missing"):
        open_pack(folder)


def test_verifying_reads_every_file(colour_pack: Callable[[], Path]) -> None:
    folder = colour_pack()
    verify_pack_files(folder, read_manifest(folder))
    data = bytearray((folder / "cases.json").read_bytes())
    data[-1] ^= 1
    (folder / "cases.json").write_bytes(data)

    with pytest.raises(PackDamagedError, match=r"cases\.json"):
        verify_pack_files(folder, read_manifest(folder))


def test_a_folder_without_a_pack_is_told_apart_from_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(PackNotFoundError, match="no pack is there"):
        open_pack(tmp_path)
    with pytest.raises(PackNotFoundError, match="no pack is there"):
        open_pack(tmp_path / "nowhere")

    (tmp_path / "pack.json").write_text("<html>")
    with pytest.raises(PackFormatError, match="is not valid JSON"):
        open_pack(tmp_path)


def test_asking_for_a_variant_that_the_pack_does_not_have_names_those_it_has(
    colour_pack: Callable[[], Path],
) -> None:
    with pytest.raises(PackFormatError, match="no encoder variant 'onnx-int4'; it has onnx-fp32"):
        open_pack(colour_pack(), variant_names=("onnx-int4",))
