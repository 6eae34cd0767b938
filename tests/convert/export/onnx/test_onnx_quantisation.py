"""An int8 tower has a quarter of the size and nearly the same embeddings, for images like the calibration images."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edge_identify.convert.export.onnx.onnx_quantisation import quantise_image_to_int8, quantise_text_to_int8
from edge_identify.convert.export.onnx.tower_to_onnx import export_image_onnx, export_text_onnx
from edge_identify.convert.models.model_loading import LoadedModel, load_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE_PX = 160  # the built-in tower takes no other
TEXTS = ["a photo of a cat", "the street", "a blue jacket", "snow and ice"]


@pytest.fixture(scope="module")
def builtin() -> LoadedModel:
    return load_model("builtin")


@pytest.fixture(scope="module")
def builtin_image(builtin: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from edge_identify.convert.export.towers import ImageTower

    out = tmp_path_factory.mktemp("builtin") / "image.onnx"
    tower = ImageTower(builtin.model, mean=builtin.mean, std=builtin.std)
    export_image_onnx(tower, size_px=SIZE_PX, out=out)
    return out


@pytest.fixture(scope="module")
def builtin_text(builtin: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from edge_identify.convert.export.towers import TextTower

    out = tmp_path_factory.mktemp("builtin") / "text.onnx"
    export_text_onnx(TextTower(builtin.model), context_length=builtin.context_length, out=out)
    return out


def _images(count: int, size_px: int = SIZE_PX) -> NDArray[np.uint8]:
    """Return mosaics of large plain patches: structured, as photos are."""
    patches = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return patches.repeat(size_px // 4, axis=1).repeat(size_px // 4, axis=2)


def _run(path: Path, batch: NDArray[Any]) -> NDArray[np.float32]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    embeddings: NDArray[np.float32] = session.run(["embedding"], {session.get_inputs()[0].name: batch})[0]
    return embeddings


def _cosines(first: Path, second: Path, batch: NDArray[Any]) -> NDArray[np.float32]:
    found, expected = _run(second, batch), _run(first, batch)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    cosines: NDArray[np.float32] = (found * expected).sum(axis=1)
    return cosines


def test_the_built_in_image_tower_keeps_its_direction_in_a_quarter_of_the_bytes(
    builtin_image: Path, tmp_path: Path
) -> None:
    images = _images(32)
    out = tmp_path / "int8.onnx"
    quantise_image_to_int8(builtin_image, out, calibration_pixels=images[:16], transformer=False)
    assert out.stat().st_size < builtin_image.stat().st_size * 0.27
    assert _cosines(builtin_image, out, images[16:]).min() > 0.99


@pytest.mark.parametrize("transformer", [True, False])
def test_both_kinds_of_net_keep_their_direction(
    tiny_vit: str, tiny_resnet: str, tmp_path: Path, transformer: bool
) -> None:
    from edge_identify.convert.export.towers import ImageTower

    model = load_model(tiny_vit if transformer else tiny_resnet, "random")
    source, out = tmp_path / "fp32.onnx", tmp_path / "int8.onnx"
    size = model.preprocessing.size_px
    tower = ImageTower(model.model, mean=model.mean, std=model.std)
    export_image_onnx(tower, size_px=size, out=source)
    images = _images(8, size)
    # The ResNet's weights are random: it hardly tells images apart, and no share of it in float would change that.
    quantise_image_to_int8(source, out, calibration_pixels=images, transformer=transformer, target=-1.0)
    assert out.stat().st_size < source.stat().st_size * 0.5
    assert _cosines(source, out, images).min() > 0.99


def test_the_token_embedding_is_quantised_too(builtin: LoadedModel, builtin_text: Path, tmp_path: Path) -> None:
    import onnx
    import open_clip

    out = tmp_path / "int8.onnx"
    tokens = open_clip.SimpleTokenizer(context_length=builtin.context_length)(TEXTS).numpy()
    quantise_text_to_int8(builtin_text, out, calibration_tokens=tokens)
    assert out.stat().st_size < builtin_text.stat().st_size * 0.27
    assert _cosines(builtin_text, out, tokens).min() > 0.995
    large = [entry for entry in onnx.load(str(out)).graph.initializer if np.prod(entry.dims) > 10_000]
    assert onnx.TensorProto.FLOAT not in {entry.data_type for entry in large}


def test_quantising_twice_gives_the_same_bytes_quietly_and_without_litter(
    builtin: LoadedModel,
    builtin_text: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    tokens = np.zeros((2, builtin.context_length), np.int64)
    source = _export_small_net(tmp_path_factory.mktemp("small") / "image.onnx", is_badly_scaled=True)
    monkeypatch.chdir(tmp_path)  # the quantiser would leave its notes in the current folder
    capfd.readouterr()
    for name in ("first", "second"):
        quantise_image_to_int8(source, Path(f"image-{name}"), calibration_pixels=_images(8, 32), transformer=False)
        quantise_text_to_int8(builtin_text, Path(f"text-{name}"), calibration_tokens=tokens)
    assert Path("image-first").read_bytes() == Path("image-second").read_bytes()
    assert Path("text-first").read_bytes() == Path("text-second").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {
        "image-first",
        "image-second",
        "text-first",
        "text-second",
    }
    assert {path.name for path in source.parent.iterdir()} == {"image.onnx"}
    assert capfd.readouterr() == ("", "")


def _small_net(*, is_badly_scaled: bool) -> Any:
    """Return a net of seven convolutions; if badly scaled, one channel is much larger and the result is the same."""
    import torch
    from torch import nn

    torch.manual_seed(5)
    widths = (3, 16, 24, 24, 24, 24, 24, 32)
    layers = [nn.Conv2d(fewer, more, 3, padding=1) for fewer, more in itertools.pairwise(widths)]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight)  # or the biases would drown the images
    if is_badly_scaled:
        with torch.no_grad():
            # A rectifier lets a positive factor through, so that what one layer gains the next can take back.
            layers[2].weight[0] *= 2000
            layers[2].get_parameter("bias")[0] = 2000.0
            layers[3].weight[:, 0] /= 2000
    rectified = [part for layer in layers for part in (layer, nn.ReLU())]
    return nn.Sequential(*rectified, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(128, 16))


def _export_small_net(out: Path, *, is_badly_scaled: bool) -> Path:
    from edge_identify.convert.export.towers import ImageTower

    model: Any = SimpleNamespace(visual=_small_net(is_badly_scaled=is_badly_scaled))
    export_image_onnx(ImageTower(model, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)), size_px=32, out=out)
    return out


def test_a_badly_scaled_layer_is_left_in_float_and_the_rest_is_not(tmp_path: Path) -> None:
    source, out = _export_small_net(tmp_path / "fp32.onnx", is_badly_scaled=True), tmp_path / "int8.onnx"
    images = _images(16, 32)
    whole = quantise_image_to_int8(source, out, calibration_pixels=images, transformer=False, target=-1.0)
    mended = quantise_image_to_int8(source, out, calibration_pixels=images, transformer=False)
    assert whole.centred_cosine < 0.95
    assert whole.left_in_float == ()
    assert mended.centred_cosine > 0.98
    assert 1 <= len(mended.left_in_float) <= 4
    assert out.stat().st_size < source.stat().st_size * 0.75


def test_the_images_are_looked_at_once_however_many_tries_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge_identify.convert.export.onnx import onnx_quantisation

    asked = [0]
    batches = onnx_quantisation._batches

    def counted(inputs: NDArray[Any]) -> Iterator[NDArray[Any]]:
        for batch in batches(inputs):
            asked[0] += 1
            yield batch

    monkeypatch.setattr(onnx_quantisation, "_batches", counted)
    source, out = _export_small_net(tmp_path / "fp32.onnx", is_badly_scaled=True), tmp_path / "int8.onnx"
    tries: list[str] = []

    def shown(step: str, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            tries.append(step)
            yield item

    quantise_image_to_int8(source, out, calibration_pixels=_images(16, 32), transformer=False, progress=shown)
    assert len(tries) > 8
    # Two batches to calibrate with, two that float32 answers for comparison, two that each try answers. One try writes
    # the best form again, and it is not measured a second time.
    assert asked[0] == 2 + 2 + 2 * (len(tries) - 1)


def test_a_net_that_8_bits_suit_is_quantised_whole(tmp_path: Path) -> None:
    source, out = _export_small_net(tmp_path / "fp32.onnx", is_badly_scaled=False), tmp_path / "int8.onnx"
    net = quantise_image_to_int8(source, out, calibration_pixels=_images(16, 32), transformer=False)
    assert net.left_in_float == ()


def test_a_fused_transformer_keeps_its_direction_and_its_operators_in_int8(
    towers_of: Callable[..., tuple[Any, Any]], pixels: NDArray[np.uint8], tokens: NDArray[np.int64], tmp_path: Path
) -> None:
    import onnx

    image, text = towers_of()
    export_image_onnx(image, size_px=32, out=tmp_path / "image.onnx")
    export_text_onnx(text, context_length=12, out=tmp_path / "text.onnx")
    quantise_image_to_int8(
        tmp_path / "image.onnx", tmp_path / "image8.onnx", calibration_pixels=pixels, transformer=True
    )
    quantise_text_to_int8(tmp_path / "text.onnx", tmp_path / "text8.onnx", calibration_tokens=tokens)
    for kind, batch in (("image", pixels), ("text", tokens)):
        source, out = tmp_path / f"{kind}.onnx", tmp_path / f"{kind}8.onnx"
        assert out.stat().st_size < source.stat().st_size * 0.32
        assert _cosines(source, out, batch).min() > 0.98
        operators = [node.op_type for node in onnx.load(str(out)).graph.node]
        assert operators.count("MultiHeadAttention") == (3 if kind == "image" else 2)
        assert "MatMul" not in operators
