"""What a device fetches of a pack: all that it needs, and only what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.pack.manifest import Manifest, TokenizerKind, TokenizerSpec
from edge_identify.edge_runtime.pack.reader import read_manifest

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


def test_a_variant_that_the_pack_does_not_have_is_named(manifest: Manifest) -> None:
    with pytest.raises(PackFormatError, match="no encoder variant 'onnx-int4'; it has onnx-int8, onnx-fp32"):
        manifest.files_for(("onnx-int4",))
