"""Packs hold a local-feature net, and pictures or points of their references, as the maker chooses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from drawn_views import label, photo_of
from edge_identify.convert.caching.build_cache import FOLDER_VARIABLE
from edge_identify.convert.cli.main import build_parser, main
from edge_identify.convert.cli.packs.pack_command import _request
from edge_identify.convert.local_features import reference_descriptors
from edge_identify.edge_runtime.pack.manifest import FeatureForm
from edge_identify.edge_runtime.pack.pack_reader import Pack, open_pack, verify_pack_files
from edge_identify.edge_runtime.pack.references import ReferenceTable
from edge_identify.edge_runtime.search.geometry.verifier import GeometryVerifier
from edge_identify.edge_runtime.store.self_test import self_test

pytestmark = pytest.mark.usefixtures("few_photos")

Build = Callable[..., Pack]
CORNERS = np.array([(100, 60), (420, 100), (410, 350), (90, 400)], float)


@pytest.fixture
def build(tmp_path: Path, tiny_resnet: str, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Return a function that builds `tmp_path/NAME` from four drawn labels with more words."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    (tmp_path / "pictures").mkdir()
    for seed in range(4):
        label(seed).save(tmp_path / f"pictures/label{seed}.png")
    catalogue = str(tmp_path / "catalogue.sqlite")
    assert main(["add", f"images:{tmp_path / 'pictures'}", "--catalogue", catalogue]) == 0
    model = ["--model", tiny_resnet, "--pretrained", "random", "--variants", "onnx-fp32"]

    def run(name: str, *words: str) -> Pack:
        identity = ["--catalogue", catalogue, "--name", "t", "--version", "1.0.0", "--out", str(tmp_path / name)]
        assert main(["pack", *identity, *model, *words]) == 0
        pack = open_pack(tmp_path / name)
        verify_pack_files(pack.folder, pack.manifest)
        return pack

    return run


def counts(pack: Pack, seed: int) -> dict[str, int]:
    """Return the agreeing points of a photo of one label with each reference, by name."""
    with (
        GeometryVerifier(pack, None) as verifier,
        ReferenceTable(pack.file(pack.manifest.references_file)) as references,
    ):
        ids = [image.index_id for image in references.images()]
        names = [references.reference(references.reference_id_of(index_id)).name for index_id in ids]
        return dict(zip(names, verifier.count_points(photo_of(label(seed), CORNERS), ids), strict=True))


def card(pack: Pack) -> str:
    return (pack.folder / "PACK.md").read_text(encoding="utf-8")


def test_by_default_a_pack_shows_small_pictures_says_so_and_compares_with_them(
    build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = build("pack")

    features, thumbnails = pack.manifest.local_features, pack.manifest.thumbnails
    assert features is not None
    assert thumbnails is not None
    assert (features.form, features.descriptors_file, thumbnails.side_px) == (FeatureForm.THUMBNAILS, None, 256)
    assert "small pictures of the references; --local-features descriptors shows none" in capsys.readouterr().err
    assert "which finds points of the thumbnails" in card(pack)
    found = counts(pack, 2)
    assert found["label2"] >= 100
    assert max(count for name, count in found.items() if name != "label2") < found["label2"] / 4
    cases = json.loads((pack.folder / pack.manifest.conformance_file).read_bytes())
    assert cases["points"]["count"] >= 20
    assert self_test(pack) == 3


def test_descriptors_show_no_picture_and_an_unchanged_image_is_described_once(
    build: Build, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = build("first", "--local-features", "descriptors")

    assert pack.manifest.thumbnails is None
    assert "small pictures" not in capsys.readouterr().err
    assert "no picture of a reference is in the pack" in card(pack)
    assert "together with up to 300 points of every picture" in card(pack)
    found = counts(pack, 2)
    assert found["label2"] >= 100
    assert max(count for name, count in found.items() if name != "label2") < found["label2"] / 4

    monkeypatch.setattr(reference_descriptors, "describe", None)  # would fail
    again = build("second", "--local-features", "descriptors")
    assert again.manifest.files == pack.manifest.files


@pytest.mark.parametrize(
    ("words", "form", "side_px"),
    [
        ([], FeatureForm.THUMBNAILS, 256),
        (["--thumbnails", "96"], FeatureForm.THUMBNAILS, 96),
        (["--local-features", "descriptors"], FeatureForm.DESCRIPTORS, None),
        (["--local-features", "descriptors", "--thumbnails", "96"], FeatureForm.DESCRIPTORS, 96),
        (["--local-features", "none"], None, None),
        (["--local-features", "none", "--thumbnails", "96"], None, 96),
    ],
)
def test_pictures_are_in_a_pack_if_the_options_say_so(
    words: list[str], form: FeatureForm | None, side_px: int | None
) -> None:
    options = build_parser().parse_args(["pack", "--catalogue", "c", "--name", "t", "--out", "out", *words])

    request = _request(options, options.out)

    assert (request.local_features, request.thumbnail_side_px) == (form, side_px)
