"""A failed build leaves nothing behind, and a drifting variant is dropped if requested."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_identify.convert.adapting import adapter_learning
from edge_identify.convert.cli.main import main
from edge_identify.convert.export import fidelity
from edge_identify.convert.export.fidelity_samples import FidelityBench
from edge_identify.convert.packing import pack_building, pack_references, reference_embeddings
from edge_identify.convert.packing.pack_folder import pack_in_the_making
from edge_identify.convert.packing.pack_request import PackRequest
from edge_identify.convert.packing.unfinished_builds import clear_abandoned
from edge_identify.convert.progress import no_progress
from edge_identify.datasets.catalogue import reference_images
from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.manifest import Fidelity
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.pack.pack_reader import open_pack, read_manifest, verify_pack_files
from edge_identify.edge_runtime.pack.references import ReferenceImageFacts
from edge_identify.edge_runtime.store.self_test import self_test

Build = Callable[..., int]


@pytest.fixture
def build(tmp_path: Path, tiny_vit: str) -> Build:
    """Return a function that builds `tmp_path/out/pack` from six drawn images; it returns the exit code."""
    (tmp_path / "pictures").mkdir()
    (tmp_path / "out").mkdir()
    for number in range(6):
        tiles = np.random.default_rng(number).integers(0, 255, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(tiles).resize((64, 64)).save(tmp_path / "pictures" / f"p{number}.png")
    catalogue = str(tmp_path / "catalogue.sqlite")
    assert main(["add", f"images:{tmp_path / 'pictures'}", "--catalogue", catalogue]) == 0

    def run(*words: str, variants: str = "onnx-fp32,onnx-fp16") -> int:
        command = [
            "pack",
            "--catalogue",
            catalogue,
            "--name",
            "t",
            "--version",
            "1.0.0",
            "--model",
            tiny_vit,
            "--pretrained",
            "random",
        ]
        return main([*command, "--variants", variants, "--out", str(tmp_path / "out/pack"), *words])

    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("files_that_fit", [0, 4, 8])  # nine are written; the last is the manifest
def test_a_full_disk_ends_a_build_in_one_line_and_the_old_pack_stays(
    build: Build,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    files_that_fit: int,
) -> None:
    assert build(variants="onnx-fp32") == 0
    before = contents(tmp_path / "out")
    written = 0

    def full_after_some(handle: int) -> None:
        nonlocal written
        written += 1
        if written > files_that_fit:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(handle)

    flush = os.fsync
    monkeypatch.setattr(os, "fsync", full_after_some)
    capsys.readouterr()

    code = build("--replace", variants="onnx-fp32")

    assert written == files_that_fit + 1, "the build went on after the disk was full, or never came so far"
    assert code == 8
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
    assert contents(tmp_path / "out") == before
    assert os.listdir(tmp_path / "out") == ["pack"]  # noqa: PTH208 - folders count, hidden ones too


def test_a_full_disk_leaves_no_first_pack_either(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)

    assert build(variants="onnx-fp32") == 8
    assert "No space left on device; make room" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


@pytest.fixture
def fp16_drifts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the image tower's fp16 variant be measured as one that drifts."""

    def measure(bench: FidelityBench, exported: Any, embedder: Any) -> Mapping[str, Fidelity]:
        found = right(bench, exported, embedder)
        return {name: replace(one, cosine_mean=0.5) if name == "onnx-fp16" else one for name, one in found.items()}

    right = FidelityBench.measure_images
    monkeypatch.setattr(FidelityBench, "measure_images", measure)


def test_an_adapter_is_learnt_once_and_kept_for_later_versions(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(adapter_learning, "LEAST_REFERENCES", 6)
    pack, adapter = tmp_path / "out/pack", tmp_path / "t.adapter"
    assert build(variants="onnx-fp32") == 0
    plain = read_manifest(pack).model.space_id

    assert build("--replace", "--adapter", str(adapter), variants="onnx-fp32") == 0
    learnt, first = adapter.read_bytes(), contents(pack)
    assert read_manifest(pack).model.space_id != plain
    assert build("--replace", "--adapter", str(adapter), variants="onnx-fp32") == 0

    assert adapter.read_bytes() == learnt
    assert contents(pack) == first
    assert self_test(open_pack(pack)) == 3
    capsys.readouterr()
    assert build("--replace", "--adapter", str(tmp_path / "no/such/t.adapter"), variants="onnx-fp32") == 8
    assert "there is no folder" in capsys.readouterr().err
    adapter.write_bytes(learnt[:100])
    assert build("--replace", "--adapter", str(adapter), variants="onnx-fp32") == 8
    assert "t.adapter: cannot be read as an adapter" in capsys.readouterr().err
    assert contents(pack) == first


@pytest.mark.usefixtures("fp16_drifts")
def test_a_drifting_variant_stops_the_build_and_leaves_nothing(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build() == 8
    assert "image encoder onnx-fp16 drifts from the original: mean cosine 0.5000" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.usefixtures("fp16_drifts")
def test_a_drifting_variant_is_dropped_from_the_pack_where_that_was_asked_for(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build("--drop-drifting") == 1
    pack = tmp_path / "out/pack"
    manifest = read_manifest(pack)

    assert "left out: image encoder onnx-fp16 drifts from the original" in capsys.readouterr().err
    assert set(manifest.image_variants) == set(manifest.text_variants) == {"onnx-fp32"}
    assert manifest.index.embedded_with == "onnx-fp32"
    assert not [path for path in contents(pack) if "fp16" in path]
    assert not [path for path in manifest.files if "fp16" in path]
    assert b"fp16" not in (pack / "conformance/cases.json").read_bytes()
    verify_pack_files(pack, manifest)
    assert self_test(open_pack(pack)) == 3


def request_for(out: Path) -> PackRequest:
    return PackRequest(
        name="t",
        version=PackVersion.parse("1.0.0"),
        title="t",
        model_name="builtin",
        pretrained=None,
        variant_names=("onnx-fp32",),
        out=out,
        replace=False,
    )


def test_the_next_version_is_the_default_one(build: Build, tmp_path: Path) -> None:
    catalogue, out = str(tmp_path / "catalogue.sqlite"), str(tmp_path / "out/pack")
    assert build("--version", "2.3.4", variants="onnx-fp32") == 0
    words = ["--catalogue", catalogue, "--model", "edge-test-vit", "--pretrained", "random", "--variants", "onnx-fp32"]

    assert main(["pack", *words, "--name", "t", "--replace", "--out", out]) == 0
    assert str(read_manifest(tmp_path / "out/pack").version) == "2.4.0"

    assert main(["pack", *words, "--name", "another", "--replace", "--out", out]) == 0
    assert str(read_manifest(tmp_path / "out/pack").version) == "1.0.0"


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked there")
def test_a_build_clears_what_a_killed_one_left_and_holds_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".pack.x1.making").mkdir()
    seen: list[list[Path]] = []

    def another_build_begins(*_: object, **__: object) -> None:
        seen.append(list(tmp_path.iterdir()))
        clear_abandoned(tmp_path / "pack")
        seen.append(list(tmp_path.iterdir()))
        raise SetupError("far enough")

    monkeypatch.setattr(pack_building, "_open", lambda *_: None)
    monkeypatch.setattr(pack_building, "make_bench", another_build_begins)
    with pytest.raises(SetupError, match="far enough"):
        pack_building.build_pack(request_for(tmp_path / "pack"), [], [], progress=no_progress)

    before, after = seen
    assert before == after
    assert len(before) == 1
    assert before != [tmp_path / ".pack.x1.making"]
    assert list(tmp_path.iterdir()) == []


def test_a_build_that_was_overtaken_says_so(tmp_path: Path) -> None:
    def build_while_another_ends() -> None:
        with pack_in_the_making(tmp_path / "pack", replace=False) as making:
            (making / "pack.json").write_text("mine")
            (tmp_path / "pack").mkdir()
            (tmp_path / "pack/pack.json").write_text("theirs")

    with pytest.raises(SetupError, match="another build of this pack is running and was first"):
        build_while_another_ends()

    assert contents(tmp_path) == {"pack/pack.json": b"theirs"}


def test_images_that_are_added_leave_the_encoder_as_it_was_and_only_they_are_embedded(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_resnet: str
) -> None:
    resnet = ("--model", tiny_resnet)
    # Which reference is nearest says nothing here: a net with random weights hardly tells images apart.
    loose = {
        kind: replace(threshold, top1_agreement=0, top5_agreement=0, recall_change=-1)
        for kind, threshold in fidelity.THRESHOLDS.items()
    }
    monkeypatch.setattr(fidelity, "THRESHOLDS", loose)
    build_it = partial(build, "--replace", *resnet, variants="onnx-int8,onnx-fp32")
    assert build_it() in (0, 1)
    model = read_manifest(tmp_path / "out/pack").image_variants["onnx-int8"].model
    before = contents(tmp_path / "out/pack")
    for number in range(6, 9):
        tiles = np.random.default_rng(number).integers(0, 255, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(tiles).resize((64, 64)).save(tmp_path / "pictures" / f"p{number}.png")
    assert main(["add", f"images:{tmp_path / 'pictures'}", "--catalogue", str(tmp_path / "catalogue.sqlite")]) == 0
    embedded: list[str] = []
    batches = reference_images.image_batches

    def watched(images: Any, *rest: Any, **named: Any) -> Any:
        embedded.extend(image.reference_id for image in images)
        return batches(images, *rest, **named)

    monkeypatch.setattr(reference_embeddings, "image_batches", watched)
    assert build_it() in (0, 1)
    assert embedded == ["p6", "p7", "p8"]
    after = contents(tmp_path / "out/pack")
    assert after[model] == before[model]
    assert read_manifest(tmp_path / "out/pack").index.count == 9
    assert build_it() in (0, 1)
    assert contents(tmp_path / "out/pack") == after  # the same catalogue gives the same bytes


def test_what_is_told_of_an_image_is_its_credit_and_where_asked_for_its_type_and_path_in_the_source() -> None:
    image = CatalogueImage(
        index_id=1, reference_id="a", sha256="0", path=Path("/home/ada/a.jpg"), source_path="cats/a.jpg", type="JPEG",
        licence="CC0", provenance="Ada",
    )  # fmt: skip
    assert pack_references._facts_of(image, file_names=False) == ReferenceImageFacts(licence="CC0", provenance="Ada")
    named = pack_references._facts_of(image, file_names=True)
    assert named == ReferenceImageFacts(path="cats/a.jpg", type="JPEG", licence="CC0", provenance="Ada")
