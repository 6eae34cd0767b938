"""The local-feature net for Core ML: its sizes, the comparison with the ONNX form, and where it is in a pack.

The conversion itself takes 17 s. The build compares its result with the ONNX form each time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edge_identify.convert.caching.build_cache import BuildCache
from edge_identify.convert.export.coreml.mlpackage import FILES
from edge_identify.convert.export.coreml.operators import OPERATORS
from edge_identify.convert.local_features import feature_mlpackage
from edge_identify.convert.local_features.feature_mlpackage import check_feature_package
from edge_identify.convert.packing import pack_local_features
from edge_identify.convert.packing.pack_local_features import NET_FILE, PACKAGE, add_local_features
from edge_identify.convert.progress import no_progress
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.manifest import FeatureForm, Runtime


def test_each_size_that_a_recipe_gives_is_listed_once() -> None:
    shapes = list(feature_mlpackage._shapes([480, 384, 384]))

    assert len(shapes) == len(set(shapes)) == 29 + 23  # Core ML takes at most 128
    assert {(1, 3, 480, 480), (1, 3, 480, 32), (1, 3, 352, 480), (1, 3, 384, 288)} <= set(shapes)
    assert all(max(shape[2:]) in (480, 384) for shape in shapes)


@pytest.mark.parametrize(
    ("turn", "heat", "said"), [(0.0, 0.0, None), (0.1, 0.0, "cosine of descriptors 0.995"), (0.0, 0.1, "by 0.100")]
)
def test_a_package_that_computes_something_else_is_refused(
    monkeypatch: pytest.MonkeyPatch, turn: float, heat: float, said: str | None
) -> None:
    unit = np.zeros((2, 1, 1), np.float32)
    unit[0] = 1
    turned = np.array([np.cos(turn), np.sin(turn)], np.float32).reshape(1, 2, 1, 1)
    found = {"descriptors": turned, "heat": np.full((1, 8, 8), heat, np.float32)}
    asked: list[Any] = []

    def evaluate(_: Path, inputs: list[Any]) -> list[Any]:
        asked.extend(inputs)
        return [found]

    monkeypatch.setattr(feature_mlpackage, "evaluate_package", evaluate)
    photo = np.zeros((8, 8, 3), np.uint8)
    expected = (unit, np.zeros((8, 8), np.float32), np.zeros((1, 1), np.float32))

    if said is None:
        check_feature_package(Path("net.mlpackage"), [photo], [expected])
    else:
        with pytest.raises(SetupError, match=said):
            check_feature_package(Path("net.mlpackage"), [photo], [expected])

    assert asked[0]["image"].shape == (1, 3, 8, 8)


def test_it_is_in_packs_that_have_an_encoder_for_core_ml_and_kept_for_the_next_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        for path in FILES:
            (folder / PACKAGE / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / PACKAGE / path).write_text(path)

    monkeypatch.setattr(pack_local_features, "_make_package", make)
    cache = BuildCache(tmp_path / "cache")
    specs = {}
    for name, with_coreml in (("plain", False), ("first", True), ("second", True)):
        (tmp_path / name).mkdir()
        specs[name] = add_local_features(
            tmp_path / name, FeatureForm.THUMBNAILS, [], with_coreml=with_coreml, cache=cache, progress=no_progress
        )

    assert [folder.name for folder in made] == ["first"]
    assert list(specs["plain"].variants) == ["onnx-fp16"]
    coreml = specs["second"].variants["coreml-fp16"]
    assert (coreml.runtime, coreml.model, coreml.requires) == (Runtime.COREML, PACKAGE, "iOS 16")
    assert {(tmp_path / "second" / path).read_text() for path in coreml.files} == set(FILES)
    assert specs["second"].onnx_variant.model == NET_FILE
    assert set(coreml.files).isdisjoint(specs["second"].paths())  # only devices with Core ML fetch it


def test_pixels_are_shuffled_as_torch_shuffles_them() -> None:
    pixels = torch.arange(64.0).reshape(1, 1, 8, 8)

    planes = OPERATORS["pixel_unshuffle"](x=pixels, downscale_factor=torch.tensor(4))

    assert isinstance(planes, torch.Tensor)
    assert planes.shape == (1, 16, 2, 2)
    restored = OPERATORS["pixel_shuffle"](x=planes, upscale_factor=torch.tensor(4))
    root = OPERATORS["sqrt"](x=torch.tensor([9.0]))
    assert isinstance(restored, torch.Tensor)
    assert isinstance(root, torch.Tensor)
    assert torch.equal(restored, pixels)
    assert torch.equal(root, torch.tensor([3.0]))
