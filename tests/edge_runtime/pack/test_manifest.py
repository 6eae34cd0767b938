"""Manifests: the files that a device needs, and paths that are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from feature_nets import NET_FILE, NET_SPEC

from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.pack.manifest import (
    MANIFEST_NAME,
    BinaryCodesSpec,
    FeatureForm,
    FileEntry,
    Manifest,
    Runtime,
    ThumbnailsSpec,
    TokenizerKind,
    TokenizerSpec,
)
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest, serialise_manifest
from edge_identify.edge_runtime.pack.pack_names import checked_pack_name, checked_path
from edge_identify.edge_runtime.pack.pack_reader import read_manifest

FOR_ALL = {"index.faiss", "references.sqlite", "conformance/cases.json", "merges.txt"}


@pytest.fixture
def manifest(small_pack: Callable[..., Path], tmp_path: Path) -> Manifest:
    manifest = read_manifest(small_pack(tmp_path / "pack", payload={"merges.txt": b"a b"}))
    tokenizer = TokenizerSpec(kind=TokenizerKind.CLIP_BPE, file="merges.txt", context_length=77)
    return replace(manifest, tokenizer=tokenizer)


def _paths(manifest: Manifest, *variant_names: str) -> set[str]:
    return {entry.path for entry in manifest.files_for(variant_names)}


def _with_files(manifest: Manifest, name: str, *files: str) -> Manifest:
    variant = replace(manifest.image_variants[name], files=files)
    return replace(manifest, image_variants={**manifest.image_variants, name: variant})


def test_a_device_fetches_the_variants_it_keeps_and_what_all_need(manifest: Manifest) -> None:
    assert _paths(manifest, "onnx-int8") == {*FOR_ALL, "image/onnx-int8.onnx"}
    assert _paths(manifest, "onnx-int8", "onnx-fp32") == set(manifest.files)


def test_a_file_of_two_variants_is_fetched_when_one_of_them_is_kept(manifest: Manifest) -> None:
    shared = _with_files(manifest, "onnx-fp32", "image/onnx-fp32.onnx", "image/onnx-int8.onnx")
    assert _paths(shared, "onnx-int8") == {*FOR_ALL, "image/onnx-int8.onnx"}


def test_what_all_need_is_fetched_though_a_variant_that_is_not_kept_lists_it_too(manifest: Manifest) -> None:
    greedy = _with_files(manifest, "onnx-fp32", *manifest.files)
    assert _paths(greedy, "onnx-int8") == {*FOR_ALL, "image/onnx-int8.onnx"}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("References.sqlite", "'references.sqlite' and 'References.sqlite' are the same file on many devices"),
        ("image/ONNX-INT8.onnx", "are the same file on many devices"),
        ("PACK.JSON", "'pack.json' and 'PACK.JSON' are the same file"),
        ("references.sqlite/x", "'references.sqlite' is a file, and also a folder of 'references.sqlite/x'"),
        ("Index.FAISS/a/b", "'index.faiss' is a file, and also a folder of 'Index.FAISS/a/b'"),
        ("image", "'image' is a file, and also a folder of 'image/"),
        ("pack.json/x", "'pack.json' is a file, and also a folder of"),
    ],
)
def test_paths_that_are_one_on_some_disk_are_refused(
    small_pack: Callable[..., Path], tmp_path: Path, path: str, message: str
) -> None:
    values = json.loads((small_pack(tmp_path / "pack") / MANIFEST_NAME).read_bytes())
    values["files"][path] = values["files"]["index.faiss"]
    with pytest.raises(PackFormatError) as refused:
        parse_manifest(json.dumps(values).encode())
    assert message in str(refused.value)


@pytest.mark.parametrize("part", ["con", "NUL", "aux.onnx", "Prn.tar.gz", "com1", "lpt9.bin", "COM0"])
def test_a_device_of_windows_is_no_path_and_no_pack_s_name(part: str) -> None:
    for path in (part, f"image/{part}", f"{part}/model.onnx"):
        with pytest.raises(PackFormatError, match="cannot be a path in a pack"):
            checked_path(path)
    with pytest.raises(PackFormatError, match="cannot name a pack"):
        checked_pack_name(part)


@pytest.mark.parametrize("path", ["console", "image/nullable.onnx", "com10", "lpt", "a.con", "company/x"])
def test_a_path_that_only_begins_like_a_device_is_one(path: str) -> None:
    assert checked_path(path) == path


def test_a_variant_that_the_pack_does_not_have_is_named(manifest: Manifest) -> None:
    with pytest.raises(PackFormatError, match="no encoder variant 'onnx-int4'; it has onnx-fp32, onnx-int8"):
        manifest.files_for(("onnx-int4",))


def test_binary_codes_are_fetched_by_all_and_read_back(manifest: Manifest) -> None:
    entry = FileEntry(path="index.signs", length_bytes=5, sha256="a" * 64)
    codes = BinaryCodesSpec(file="index.signs", recall_at_10=0.9953)
    signed = replace(
        manifest, index=replace(manifest.index, binary_codes=codes), files={**manifest.files, "index.signs": entry}
    )
    greedy = _with_files(signed, "onnx-fp32", *signed.files)

    assert parse_manifest(serialise_manifest(signed)) == signed
    assert _paths(greedy, "onnx-int8") == {*FOR_ALL, "image/onnx-int8.onnx", "index.signs"}


def test_a_manifest_without_binary_codes_is_written_as_before_there_were_any(manifest: Manifest) -> None:
    assert "signs" not in json.loads(serialise_manifest(manifest))["index"]


def test_thumbnails_are_fetched_by_all_and_read_back(manifest: Manifest) -> None:
    entry = FileEntry(path="thumbnails.sqlite", length_bytes=5, sha256="a" * 64)
    pictured = replace(
        manifest,
        thumbnails=ThumbnailsSpec(file="thumbnails.sqlite", side_px=96),
        files={**manifest.files, "thumbnails.sqlite": entry},
    )
    greedy = _with_files(pictured, "onnx-fp32", *pictured.files)

    assert parse_manifest(serialise_manifest(pictured)) == pictured
    assert _paths(greedy, "onnx-int8") == {*FOR_ALL, "image/onnx-int8.onnx", "thumbnails.sqlite"}
    assert "thumbnails" not in json.loads(serialise_manifest(manifest))


COREML_NET = "features/net.mlpackage/model.mlmodel"


@pytest.fixture
def featured(manifest: Manifest) -> Manifest:
    """A manifest with a local-feature net for both runtimes and stored descriptors."""
    net = next(iter(NET_SPEC.variants.values()))
    core_ml = replace(
        net, name="coreml-fp16", runtime=Runtime.COREML, model="features/net.mlpackage", files=(COREML_NET,)
    )
    entries = {
        path: FileEntry(path=path, length_bytes=5, sha256="a" * 64) for path in (NET_FILE, COREML_NET, "points.bin")
    }
    features = replace(
        NET_SPEC,
        form=FeatureForm.DESCRIPTORS,
        variants={net.name: net, core_ml.name: core_ml},
        descriptors_file="points.bin",
    )
    return replace(manifest, local_features=features, files={**manifest.files, **entries})


def test_local_features_are_read_back_and_each_device_fetches_the_net_that_it_runs(featured: Manifest) -> None:
    on_phone = replace(featured.image_variants["onnx-int8"], name="coreml-int8", runtime=Runtime.COREML)
    both = replace(featured, image_variants={**featured.image_variants, "coreml-int8": on_phone})

    assert parse_manifest(serialise_manifest(both)) == both
    needed = {*FOR_ALL, "image/onnx-int8.onnx", NET_FILE, "points.bin"}
    assert _paths(both, "onnx-int8") == needed
    assert _paths(both, "coreml-int8") == {*needed, COREML_NET}


def test_a_manifest_without_local_features_is_written_as_before_there_were_any(manifest: Manifest) -> None:
    assert "local_features" not in json.loads(serialise_manifest(manifest))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("form",), "pictures", "`form` is 'pictures'; this version knows thumbnails, descriptors"),
        (("form",), "thumbnails", "needs thumbnails, which the pack does not have"),
        (("descriptors_file",), None, "`descriptors_file` should be str"),
        (("descriptors_file",), "absent.bin", "names 'absent.bin', which is not among its files"),
        (("dim",), 513, "`dim` is 513, outside 1 to 512"),
        (("side_step_px",), 0, "`side_step_px` is 0, outside 1 to 1024"),
        (("photo", "side_px"), 100_000, "`side_px` is 100000, outside 1 to 1024"),
        (("reference", "most_points"), 10**9, "`most_points` is 1000000000, outside 1 to 2048"),
        (("least_similarity",), 1.5, "`least_similarity` is 1.5, outside 0 to 1"),
        (("variants", "onnx-fp16", "runtime"), "coreml", "has no ONNX variant of its net"),
        (("variants", "onnx-fp16", "files"), ["elsewhere.onnx"], "`files` must list the model"),
        (("variants", "onnx-fp16", "model"), "../net.onnx", "../net.onnx"),
    ],
)
def test_local_features_that_no_device_could_use_are_refused(
    featured: Manifest, path: tuple[str, ...], value: object, message: str
) -> None:
    values = json.loads(serialise_manifest(featured))
    *folders, last = path
    at = values["local_features"]
    for name in folders:
        at = at[name]
    at[last] = value

    with pytest.raises(PackFormatError) as refused:
        parse_manifest(json.dumps(values).encode())

    assert message in str(refused.value)


def test_how_a_photo_is_looked_at_is_written_only_where_it_is_not_the_whole(manifest: Manifest) -> None:
    several = replace(manifest, preprocessing=replace(manifest.preprocessing, photo_views=(1.0, 0.85)))

    assert parse_manifest(serialise_manifest(several)).preprocessing.photo_views == (1.0, 0.85)
    assert b"photo_views" not in serialise_manifest(manifest)
    assert parse_manifest(serialise_manifest(manifest)).preprocessing.photo_views == (1.0,)
