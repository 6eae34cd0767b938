"""Packs with correct hashes and malicious content: each one is refused before it does harm."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edge_identify.edge_runtime.errors import PackDamagedError, PackError, PackFormatError
from edge_identify.edge_runtime.pack.pack_reader import open_pack, read_manifest
from edge_identify.edge_runtime.search.identifier import Identifier

MakePack = Callable[[], Path]
Rewrite = Callable[[Path], None]


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "pack.json"
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


@pytest.mark.parametrize(
    "path",
    [
        "../outside",
        "/etc/passwd",
        "a/../../b",
        "a\\b",
        "C:/x",
        "a//b",
        ".hidden",
        "a/.",
        "x" * 201,
        "",
        "a\n",
        "trailing.",
    ],
)
def test_a_path_that_leaves_the_folder_or_hides_is_refused(colour_pack: MakePack, path: str) -> None:
    folder = colour_pack()
    change_manifest(folder, lambda values: values["files"].update({path: values["files"]["images.faiss"]}))

    with pytest.raises(PackFormatError, match="cannot be a path in a pack"):
        read_manifest(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda v: v.update(format=2),
            "pack format 2, but this software reads up to 1; update edge-identify",
        ),
        (lambda v: v.update(format=-1), "`format` is -1"),
        (lambda v: v.update(format=True), "`format` is True"),
        (lambda v: v.update(name="../x"), "cannot name a pack"),
        (lambda v: v.update(version="1.0"), "is not a pack version"),
        (lambda v: v.update(version="01.0.0"), "is not a pack version"),
        (lambda v: v.pop("model"), "`model` should be dict, found nothing"),
        (
            lambda v: v["index"].update(file="elsewhere.faiss"),
            "names 'elsewhere.faiss', which is not among its files",
        ),
        (lambda v: v["index"].update(dim=4), "the index has 4 dimensions, the encoder 3"),
        (lambda v: v["index"].update(count=10**12), "`count` is 1000000000000"),
        (lambda v: v["index"].update(kind="hnsw"), "`kind` is 'hnsw'; this version knows flat, sq8"),
        (
            lambda v: v["index"].update(signs={"file": "elsewhere.signs", "recall_at_10": 1.0}),
            "names 'elsewhere.signs', which is not among its files",
        ),
        (
            lambda v: v["index"].update(signs={"file": "../images.faiss", "recall_at_10": 1.0}),
            "names '../images.faiss', which is not among its files",
        ),
        (lambda v: v["index"].update(signs="images.signs"), "`signs` should be dict, found str"),
        (lambda v: v["index"].update(signs={"file": "images.faiss"}), "`recall_at_10` should be a number"),
        (
            lambda v: v["index"].update(signs={"file": "images.faiss", "recall_at_10": "1"}),
            "`recall_at_10` should be a number",
        ),
        *(
            (
                lambda v, recall=recall: v["index"].update(signs={"file": "images.faiss", "recall_at_10": recall}),
                rf"`recall_at_10` is {recall}, outside 0 to 1",
            )
            for recall in (-0.5, 1.01)
        ),
        (lambda v: v["preprocessing"].update(size_px=10**6), "`size_px` is 1000000"),
        (lambda v: v["preprocessing"].update(photo_views=[]), "`photo_views` is []"),
        (lambda v: v["preprocessing"].update(photo_views=[1.0] * 9), "1 to 8 shares"),
        (lambda v: v["preprocessing"].update(photo_views=[1.0, 0]), "shares from 0.1 to 1"),
        (lambda v: v["preprocessing"].update(photo_views=[1.5]), "shares from 0.1 to 1"),
        (lambda v: v["preprocessing"].update(photo_views=["1"]), "`photo_views`"),
        (lambda v: v["encoders"].update(image={}), "has no image encoder"),
        (lambda v: v["files"]["images.faiss"].update(sha256="A" * 64), "is not a SHA-256"),
        (lambda v: v["files"]["images.faiss"].update(length_bytes=-5), "`length_bytes` is -5"),
        (lambda v: v["files"].update({"pack.json": v["files"]["images.faiss"]}), "lists itself"),
        (
            lambda v: v["encoders"]["image"]["onnx-fp32"].update(files="encoders/model.onnx"),
            "`files` should be list",
        ),
        (
            lambda v: v["encoders"]["image"]["onnx-fp32"].update(model="../../bin/sh"),
            "cannot be a path in a pack",
        ),
        (
            lambda v: v["encoders"]["image"]["onnx-fp32"].update(model="references.sqlite"),
            "`files` must list the model 'references.sqlite' and no file outside it",
        ),
    ],
)
def test_a_manifest_that_contradicts_itself_or_its_format_is_refused(
    colour_pack: MakePack, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    folder = colour_pack()
    change_manifest(folder, change)

    with pytest.raises(PackFormatError) as refused:
        read_manifest(folder)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"\xff\xfe", b"[" * 100_000, b"{" + b'"a":{' * 50_000, b'{"format": 1e400}']
)
def test_a_manifest_that_is_no_json_object_is_refused(colour_pack: MakePack, data: bytes) -> None:
    folder = colour_pack()
    (folder / "pack.json").write_bytes(data)

    with pytest.raises(PackFormatError):
        read_manifest(folder)


def test_a_manifest_of_a_gigabyte_is_refused_unread(colour_pack: MakePack) -> None:
    folder = colour_pack()
    with (folder / "pack.json").open("r+b") as file:
        file.truncate(1 << 30)

    with pytest.raises(PackFormatError, match="larger than any manifest"):
        read_manifest(folder)


def test_unknown_fields_of_a_later_writer_are_ignored(colour_pack: MakePack) -> None:
    folder = colour_pack()
    change_manifest(folder, lambda values: values.update(signatures={"kind": "later"}, soundtrack=[1, 2]))

    assert read_manifest(folder).name == "colours"


OUTER_COUNT, INNER_COUNT, VALUES, IDS = 8, 37 + 8, 74, 74 + 8 + 5 * 3 * 4


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (OUTER_COUNT, 10**15),
        (INNER_COUNT, 10**15),
        (VALUES, 2**62),
        (IDS, 2**60),
        (IDS, 4),
        (OUTER_COUNT, -1),
    ],
)
def test_an_index_whose_counts_lie_is_refused_before_memory_is_taken(
    colour_pack: MakePack, rewrite_manifest: Rewrite, at: int, value: int
) -> None:
    folder = colour_pack()
    data = bytearray((folder / "images.faiss").read_bytes())
    struct.pack_into("<q", data, at, value)
    (folder / "images.faiss").write_bytes(data)
    rewrite_manifest(folder)

    for many in (False, True):
        with pytest.raises(PackDamagedError, match=r"images\.faiss: "):
            Identifier(open_pack(folder), many=many)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data + b"\0", "has 1 bytes after its end"),
        (lambda data: data[:-1], "ends after"),
        (lambda data: data[:20], "ends after 20 bytes"),
        (lambda data: b"IwFl" + data[4:], "holds a b'IwFl' structure"),
        (lambda data: data[:37] + b"IHNf" + data[41:], "holds a b'IHNf' structure"),
    ],
)
def test_an_index_of_another_structure_or_length_is_refused(
    colour_pack: MakePack, rewrite_manifest: Rewrite, change: Callable[[bytes], bytes], message: str
) -> None:
    folder = colour_pack()
    (folder / "images.faiss").write_bytes(change((folder / "images.faiss").read_bytes()))
    rewrite_manifest(folder)

    with pytest.raises(PackDamagedError, match=message):
        Identifier(open_pack(folder))


@pytest.mark.parametrize(
    ("path", "message"), [("references.sqlite", "references"), ("encoders/model.onnx", "is not an ONNX model")]
)
def test_a_file_of_rubbish_is_refused_by_name(
    colour_pack: MakePack, rewrite_manifest: Rewrite, tmp_path: Path, path: str, message: str
) -> None:
    folder = colour_pack()
    (folder / path).write_bytes(b"rubbish" * 1000)
    rewrite_manifest(folder)
    photo = tmp_path / "photo.png"
    Image.new("RGB", (9, 9)).save(photo)

    with pytest.raises(PackError, match=message), Identifier(open_pack(folder)) as identifier:
        identifier.identify(photo)


def test_a_reference_id_is_data_and_not_sql(colour_pack: MakePack) -> None:
    from edge_identify.edge_runtime.pack.references import ReferenceTable

    with (
        ReferenceTable(colour_pack() / "references.sqlite") as references,
        pytest.raises(PackDamagedError, match="has no entry"),
    ):
        references.reference("' OR 1=1 --")


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v["encoders"]["image"]["onnx-fp32"]["input"].update(name="elsewhere"),
        lambda v: v["encoders"]["image"]["onnx-fp32"]["output"].update(name="elsewhere"),
        lambda v: v["preprocessing"].update(size_px=16),
    ],
)
def test_a_graph_that_is_not_what_the_manifest_says_is_the_pack_s_fault(
    colour_pack: MakePack, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    folder = colour_pack()
    change_manifest(folder, change)
    photo = tmp_path / "photo.png"
    Image.new("RGB", (9, 9), (200, 10, 10)).save(photo)

    with pytest.raises(PackDamagedError, match="does not run as"), Identifier(open_pack(folder)) as identifier:
        identifier.identify(photo)


def test_an_index_of_no_numbers_is_refused(colour_pack: MakePack, rewrite_manifest: Rewrite, tmp_path: Path) -> None:
    folder = colour_pack()
    data = bytearray((folder / "images.faiss").read_bytes())
    struct.pack_into("<f", data, VALUES + 8, float("nan"))
    (folder / "images.faiss").write_bytes(data)
    rewrite_manifest(folder)
    photo = tmp_path / "photo.png"
    Image.new("RGB", (9, 9), (200, 10, 10)).save(photo)

    with pytest.raises(PackDamagedError, match="NaN or infinite values"), Identifier(open_pack(folder)) as identifier:
        identifier.identify(photo)
