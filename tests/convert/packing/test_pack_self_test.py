"""The self-test's tolerance lies between allowed differences and the nearest fault; both are measured."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pytest
from PIL.Image import Image

from colour_packs import SIZE_PX, write_mean_colour_model
from edge_identify.convert.cli.main import main
from edge_identify.convert.export.variants import ExportedVariant
from edge_identify.convert.packing.device_differences import Photo, allowed_pixels, faulty_pixels
from edge_identify.convert.packing.pack_encoders import Encoders
from edge_identify.convert.packing.pack_self_test import CASES_FILE, Measured, write_conformance
from edge_identify.datasets.drawn.demo import draw_conformance_photos
from edge_identify.edge_runtime.encoders.onnx_encoder import OnnxEncoder
from edge_identify.edge_runtime.errors import PackDamagedError, SetupError
from edge_identify.edge_runtime.pack.manifest import Runtime, Tensor
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.photos.images import decode_image
from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode, preprocess
from edge_identify.edge_runtime.search.identifier import Identifier
from edge_identify.edge_runtime.store.self_test import self_test

RECIPE = Preprocessing(
    size_px=SIZE_PX, resize_mode=ResizeMode.SHORTEST_SIDE, interpolation=Interpolation.BICUBIC
)  # fmt: skip
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.25)


@pytest.mark.parametrize(
    ("allowed", "faults", "expected"),
    [
        ((0.99, 0.998), (0.84, 0.2), 0.96),  # 1 - sqrt(.01 * .16)
        ((0.99,), (0.97, 0.84), 0.96),  # a fault within four times the allowed difference is passed over
        ((0.99,), (0.97, 0.98), 0.98),  # none can be told apart: twice the allowed difference
        ((1.0,), (1.0,), 0.995),  # nothing differs here: the least that is allowed, twice
        ((1.0,), (0.99,), 0.995),  # 1 - sqrt(.0025 * .01)
        ((0.6,), (-1.0,), 0.5),  # 1 - sqrt(.4 * 2) would let other images pass
    ],
)
def test_the_tolerance_is_the_geometric_mean(
    allowed: tuple[float, ...], faults: tuple[float, ...], expected: float
) -> None:
    measured = Measured(
        allowed={f"difference {number}": cosine for number, cosine in enumerate(allowed)},
        faults={f"fault {number}": cosine for number, cosine in enumerate(faults)},
    )

    assert measured.tolerance() == expected


def test_a_variant_that_would_fail_its_own_self_test_is_named() -> None:
    measured = Measured(allowed={"one grey level": 0.99, "variant onnx-w4": 0.45}, faults={"channels swapped": 0.1})

    with pytest.raises(SetupError, match=r"^variant onnx-w4: has cosine 0\.45 to .* at 0\.5 or below"):
        measured.tolerance()


def drawn_photo(position: int, recipe: Preprocessing = RECIPE) -> Photo:
    name, data = draw_conformance_photos()[position]
    return Photo(name=name, data=data, pixels=preprocess(decode_image(data, name=name), recipe))


def test_faults_are_what_they_are_called() -> None:
    plain, turned, transparent = (
        faulty_pixels(drawn_photo(position), RECIPE, mean=MEAN, std=STD) for position in range(3)
    )
    pixels = drawn_photo(0).pixels

    np.testing.assert_array_equal(plain["channels swapped"], pixels[:, :, [2, 1, 0]])
    ignored = "EXIF orientation and transparency ignored"
    np.testing.assert_array_equal(plain[ignored], pixels)
    assert not np.array_equal(turned[ignored], drawn_photo(1).pixels)
    assert not np.array_equal(transparent[ignored], drawn_photo(2).pixels)
    assert all(not np.array_equal(turned[name], drawn_photo(1).pixels) for name in turned)
    seen_by_the_tower = (plain["mean and standard deviation left out"] / 255 - MEAN) / STD
    np.testing.assert_allclose(seen_by_the_tower, pixels / 255, atol=0.5 / 255 / min(STD))


def test_allowed_differences_are_small_and_not_nothing() -> None:
    photo = drawn_photo(0)

    for pixels in allowed_pixels(photo, RECIPE).values():
        difference = np.abs(pixels.astype(int) - photo.pixels)
        assert 0 < difference.mean() < 8


@pytest.fixture
def colour_encoders(tmp_path: Path) -> Encoders:
    """The mean-colour encoder, and a variant of it with one colour slightly off."""
    write_mean_colour_model(tmp_path / "model.onnx")
    encoder = OnnxEncoder(tmp_path / "model.onnx", name="onnx-int8", input_name="pixels", output_name="embedding")

    def off(batch: Any) -> Any:
        found = encoder.embed(batch) * np.array([1.2, 1.0, 1.0], np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    variants = tuple(
        ExportedVariant(
            name=name,
            runtime=Runtime.ONNX,
            model="model.onnx",
            input=Tensor(name="pixels", dtype="uint8", shape=(-1, SIZE_PX, SIZE_PX, 3)),
            output=Tensor(name="embedding", dtype="float32", shape=(-1, 3)),
            requires="nothing",
            embed=embed,
        )
        for name, embed in (("onnx-int8", encoder.embed), ("onnx-fp32", off))
    )
    return Encoders(
        embedder=variants[0],
        image={},
        text={},
        dropped=(),
        exported={each.name: each for each in variants},
        exported_texts={},
    )


def cases_of(folder: Path, encoders: Encoders) -> dict[str, Any]:
    model: Any = SimpleNamespace(preprocessing=RECIPE, mean=MEAN, std=STD)
    assert write_conformance(folder, encoders, model) == CASES_FILE
    cases: dict[str, Any] = json.loads((folder / CASES_FILE).read_text())
    return cases


def test_every_shipped_variant_is_among_the_allowed_differences(colour_encoders: Encoders, tmp_path: Path) -> None:
    cases = cases_of(tmp_path, colour_encoders)

    assert set(cases["measured"]["allowed"]) == {
        "variant onnx-fp32",
        "ONNX Runtime, basic optimisations",
        "one grey level",
        "chroma decoded coarsely",
    }
    assert 0.98 < cases["measured"]["allowed"]["variant onnx-fp32"] < 0.999
    assert cases["measured"]["faults"]["channels swapped"] < cases["tolerance"]
    assert cases["tolerance"] < cases["measured"]["allowed"]["variant onnx-fp32"]


def test_the_same_encoders_give_the_same_bytes(colour_encoders: Encoders, tmp_path: Path) -> None:
    cases_of(tmp_path, colour_encoders)
    first = (tmp_path / CASES_FILE).read_bytes()
    for path in (tmp_path / CASES_FILE).parent.iterdir():
        path.unlink()
    (tmp_path / CASES_FILE).parent.rmdir()

    cases_of(tmp_path, colour_encoders)

    assert (tmp_path / CASES_FILE).read_bytes() == first


@pytest.fixture(scope="module")
def builtin_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of four drawn images with the built-in encoder."""
    folder = tmp_path_factory.mktemp("builtin")
    (folder / "pictures").mkdir()
    for number in range(4):
        tiles = np.random.default_rng(number).integers(0, 255, (4, 4, 3), dtype=np.uint8)
        PIL.Image.fromarray(tiles).resize((64, 64)).save(folder / "pictures" / f"p{number}.png")
    catalogue = str(folder / "catalogue.sqlite")
    assert main(["add", f"images:{folder / 'pictures'}", "--catalogue", catalogue]) == 0
    words = ["pack", "--catalogue", catalogue, "--name", "t", "--variants", "onnx-int8"]
    assert main([*words, "--local-features", "none", "--out", str(folder / "pack")]) == 0
    return folder / "pack"


def test_the_built_in_encoder_passes_here(builtin_pack: Path) -> None:
    assert self_test(open_pack(builtin_pack)) == 3


def test_swapped_channels_are_caught_with_the_built_in_encoder(
    builtin_pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swapped(identifier: Identifier, image: Image) -> Any:
        return right(identifier, image)[..., ::-1].copy()

    right: Callable[[Identifier, Image], Any] = Identifier.pixels
    monkeypatch.setattr(Identifier, "pixels", swapped)

    with pytest.raises(PackDamagedError, match=r"self-test photo \S+ has cosine"):
        self_test(open_pack(builtin_pack))


def test_a_photo_left_on_its_side_is_caught_with_the_built_in_encoder(
    builtin_pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_its_side(data: bytes, *, name: str, max_side_px: int) -> Image:
        if not name.endswith(".jpg"):
            return decode_image(data, name=name, max_side_px=max_side_px)
        with PIL.Image.open(io.BytesIO(data)) as image:
            return image.convert("RGB")

    monkeypatch.setattr("edge_identify.edge_runtime.store.self_test.decode_image", on_its_side)

    with pytest.raises(PackDamagedError, match=r"self-test photo conformance/turned\.jpg has cosine"):
        self_test(open_pack(builtin_pack))
