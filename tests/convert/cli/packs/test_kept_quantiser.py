"""`edge-build pack` gives a build the quantiser of the versions before, keeps a new one, and tells a change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_identify.convert.calibrating.photo_calibration import CalibrationOutcome
from edge_identify.convert.calibrating.text_calibration import TextOutcome
from edge_identify.convert.cli.packs.kept_quantiser import keep_quantiser, with_kept_quantiser
from edge_identify.convert.packing.pack_index import Quantiser
from edge_identify.convert.packing.pack_request import BuildReport, PackRequest
from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.edge_runtime.pack.manifest import Manifest
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.pack.pack_reader import read_manifest

RANGES = Quantiser(least=np.full(4, -0.5, np.float32), width=np.arange(4, dtype=np.float32))


@pytest.fixture
def manifest(colour_pack: Callable[[], Path]) -> Manifest:
    return read_manifest(colour_pack())


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue.open(tmp_path / "c.db") as opened:
        yield opened


def request(name: str, version: str) -> PackRequest:
    return PackRequest(
        name=name,
        version=PackVersion.parse(version),
        title=name,
        model_name="builtin",
        pretrained=None,
        variant_names=(),
        out=Path("out"),
        replace=False,
    )


def report(manifest: Manifest, version: str, new: Quantiser | None, far: int = 0) -> BuildReport:
    return BuildReport(
        manifest=replace(manifest, version=PackVersion.parse(version)),
        left_out=(),
        dropped=(),
        binary_codes_left_out=None,
        calibration=CalibrationOutcome(calibrations={}, file=None, left_out_because=None),
        texts=TextOutcome(calibrations={}),
        data_sha256="0" * 64,
        encoder="drawn",
        new_quantiser=new,
        far_references=far,
    )


def test_a_later_version_gets_what_the_first_one_made(catalogue: Catalogue, manifest: Manifest) -> None:
    first = with_kept_quantiser(request(manifest.name, "1.0.0"), catalogue)
    assert first.quantiser is None
    keep_quantiser(first, report(manifest, "1.0.0", RANGES), catalogue)

    later = with_kept_quantiser(request(manifest.name, "1.1.0"), catalogue)

    found = later.quantiser_in(manifest.model.space_id)
    assert found is not None
    assert (found.least.tolist(), found.width.tolist()) == (RANGES.least.tolist(), RANGES.width.tolist())
    assert later.quantiser_in("f" * 64) is None  # another encoder
    assert with_kept_quantiser(request(manifest.name, "2.0.0"), catalogue).quantiser is None


def test_new_ranges_within_a_major_version_are_told_and_serve_the_versions_after(
    catalogue: Catalogue, manifest: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_quantiser(request(manifest.name, "1.0.0"), report(manifest, "1.0.0", RANGES), catalogue)
    wider = replace(RANGES, width=RANGES.width * 2)
    second = with_kept_quantiser(request(manifest.name, "1.1.0"), catalogue)
    keep_quantiser(second, report(manifest, "1.1.0", wider, far=3), catalogue)

    told = capsys.readouterr().err
    assert "the index has new ranges: those of 1.0.0 do not fit 3 images; devices fetch the whole index once" in told
    third = with_kept_quantiser(request(manifest.name, "1.2.0"), catalogue)
    assert third.quantiser is not None
    assert third.quantiser.ranges == wider.to_bytes()

    keep_quantiser(second, report(manifest, "1.1.0", None), catalogue)  # built again, without the far images
    third = with_kept_quantiser(request(manifest.name, "1.2.0"), catalogue)
    assert third.quantiser is not None
    assert third.quantiser.ranges == RANGES.to_bytes()
