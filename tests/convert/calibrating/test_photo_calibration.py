"""A whole calibration with an encoder that returns mean colours: the file, its bytes, and packs without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_identify.convert.caching.build_cache import temporary_cache
from edge_identify.convert.calibrating import calibration_photos
from edge_identify.convert.calibrating.photo_calibration import CalibrationOutcome, calibrate
from edge_identify.convert.calibrating.strangers import Stranger, read_strangers
from edge_identify.convert.export.variants import ExportedVariant
from edge_identify.convert.packing.pack_index import write_index
from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
from edge_identify.datasets.catalogue.reference_images import open_reference_image
from edge_identify.datasets.drawn import simulated_photo
from edge_identify.edge_runtime.decisions.calibration import read_calibrations
from edge_identify.edge_runtime.pack.manifest import IndexSpec, Runtime, Tensor
from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode, preprocess

SIZE_PX = 8
DIM = SIZE_PX * SIZE_PX * 3
RECIPE = Preprocessing(size_px=SIZE_PX, resize_mode=ResizeMode.SHORTEST_SIDE, interpolation=Interpolation.BICUBIC)
TENSOR = Tensor(name="x", dtype="uint8", shape=(-1,))
Draw = Callable[..., list[CatalogueImage]]


@pytest.fixture(autouse=True)
def few_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration_photos, "DRAWN_PHOTOS", 20)
    monkeypatch.setattr(calibration_photos, "MOST_PHOTOS", 60)
    monkeypatch.setattr(simulated_photo, "_LEAST_LONG_SIDE_PX", 64)  # larger ones take longer and show no more


def embed(pixels: np.ndarray) -> np.ndarray:
    values = pixels.reshape(len(pixels), -1).astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6))


def blind(pixels: np.ndarray) -> np.ndarray:
    return np.full((len(pixels), DIM), DIM**-0.5, dtype=np.float32)


def variant(name: str, ask: Callable[[np.ndarray], np.ndarray]) -> ExportedVariant:
    runtime = Runtime.COREML if name.startswith("coreml") else Runtime.ONNX
    return ExportedVariant(name=name, runtime=runtime, model=name, input=TENSOR, output=TENSOR, requires="", embed=ask)


def calibrated(
    folder: Path,
    images: list[CatalogueImage],
    variants: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    strangers: Sequence[Stranger] = (),
) -> CalibrationOutcome:
    folder.mkdir()
    pixels = np.stack([preprocess(open_reference_image(image), RECIPE) for image in images])
    ids = np.array([image.index_id for image in images], dtype=np.int64)
    kind = write_index(folder / "i.faiss", variants["onnx-int8"](pixels), ids).kind
    index = IndexSpec(
        file="i.faiss", kind=kind, dim=DIM, count=len(images), embedded_with="onnx-int8", most_images_per_reference=1
    )
    exported = {name: variant(name, ask) for name, ask in variants.items()}
    for name in variants:
        (folder / name).write_bytes(name.encode())  # the key of a variant covers its files
    with temporary_cache() as cache:
        return calibrate(
            folder, index, exported, images, RECIPE, false_accept_rate=0.05, strangers=strangers, cache=cache
        )


def test_each_onnx_variant_is_measured_and_core_ml_takes_the_embedder_s(draw_images: Draw, tmp_path: Path) -> None:
    images = draw_images(30)
    asked_of_core_ml: list[int] = []

    def not_here(pixels: np.ndarray) -> np.ndarray:
        asked_of_core_ml.append(len(pixels))
        return embed(pixels)

    def softer(pixels: np.ndarray) -> np.ndarray:
        return embed(pixels // 64)

    outcome = calibrated(tmp_path / "pack", images, {"onnx-int8": embed, "onnx-fp32": softer, "coreml-int8": not_here})

    assert outcome.file == "calibration.json"
    assert outcome.left_out_because is None
    found = read_calibrations(tmp_path / "pack/calibration.json")
    assert found == outcome.calibrations
    assert {name: entry.measured_with for name, entry in found.items()} == {
        "onnx-int8": "onnx-int8", "onnx-fp32": "onnx-fp32", "coreml-int8": "onnx-int8",
    }  # fmt: skip
    assert found["onnx-int8"] != found["onnx-fp32"]
    assert found["onnx-int8"].false_accept_rate == 0.05
    assert found["onnx-int8"].false_accepts <= 0.05
    assert found["onnx-int8"].true_accepts > 0.25
    assert (found["onnx-int8"].genuine_count, found["onnx-int8"].impostor_count) == (60, 20)
    assert found["onnx-int8"].certainty is not None
    assert found["onnx-int8"].sibling_accepts is not None
    assert found["onnx-int8"].points is None
    assert asked_of_core_ml == []


def test_a_maker_s_strangers_count_and_those_that_show_a_reference_are_named(draw_images: Draw, tmp_path: Path) -> None:
    images, folder = draw_images(30), tmp_path / "strangers"
    folder.mkdir()
    for at in range(4):
        noise = np.random.default_rng(1000 + at).integers(0, 256, (5, 7, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((50, 40), Image.Resampling.BICUBIC).save(folder / f"noise {at}.png")
    with Image.open(images[3].path) as shown:
        shown.convert("RGB").save(folder / "a photo of a reference.jpg")
    strangers = read_strangers(folder, images).photos

    outcome = calibrated(tmp_path / "pack", images, {"onnx-int8": embed}, strangers)

    assert outcome.calibrations["onnx-int8"].impostor_count == 20 + 5
    assert outcome.calibrations["onnx-int8"].false_accepts <= 0.05
    assert [(each.path.name, each.reference_id) for each in outcome.doubtful_strangers] == [
        ("a photo of a reference.jpg", "reference-3")
    ]


def test_the_same_catalogue_gives_the_same_bytes(draw_images: Draw, tmp_path: Path) -> None:
    images = draw_images(12)

    for name in ("once", "again"):
        calibrated(tmp_path / name, images, {"onnx-int8": embed})

    once, again = ((tmp_path / name / "calibration.json").read_bytes() for name in ("once", "again"))
    assert once == again


def test_too_few_references_give_no_calibration_and_say_so(draw_images: Draw, tmp_path: Path) -> None:
    outcome = calibrated(tmp_path / "pack", draw_images(4), {"onnx-int8": embed})

    assert (outcome.file, outcome.calibrations) == (None, {})
    assert outcome.left_out_because is not None
    assert "4 references are too few" in outcome.left_out_because
    assert not (tmp_path / "pack/calibration.json").exists()


def test_an_encoder_that_tells_nothing_apart_gives_no_calibration(draw_images: Draw, tmp_path: Path) -> None:
    outcome = calibrated(tmp_path / "pack", draw_images(6), {"onnx-int8": blind})

    assert outcome.file is None
    assert "onnx-int8 scores photos of unknown things as high" in str(outcome.left_out_because)
