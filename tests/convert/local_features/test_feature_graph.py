"""The net's graph computes what the published net computes, in its own form and in float16 weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from drawn_views import label
from edge_identify.convert.local_features.feature_graph import OUTPUTS, feature_graph, write_feature_graph
from edge_identify.convert.local_features.net_weights import DIM, read_net_weights

#: Numbers of the published float32 net for `drawn_pixels`, with its logits decoded as the paper says: output, place.
PUBLISHED: dict[tuple[str, *tuple[int, ...]], float] = {
    ("descriptors", 54, 12, 14): 0.0631,
    ("descriptors", 17, 6, 1): -0.1194,
    ("descriptors", 4, 0, 4): -0.019,
    ("descriptors", 52, 12, 25): 0.1393,
    ("descriptors", 32, 12, 27): 0.1713,
    ("descriptors", 46, 12, 15): -0.0803,
    ("heat", 156, 32): 0.9149,
    ("heat", 69, 63): 0.5138,
    ("heat", 31, 16): 0.3833,
    ("heat", 152, 88): 0.2783,
    ("heat", 156, 215): 0.1935,
    ("reliability", 11, 26): 0.2617,
    ("reliability", 5, 22): 0.2632,
    ("reliability", 13, 0): 0.0449,
    ("reliability", 7, 24): 0.3455,
    ("reliability", 11, 0): 0.035,
}


def drawn_pixels() -> np.ndarray:
    """Return a drawn label as the net's input, uint8 [1, 160, 224, 3]."""
    return np.array(label(5, (224, 160)))[None]


@pytest.fixture(scope="module")
def exact() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(feature_graph(read_net_weights()).SerializeToString())


def run(session: onnxruntime.InferenceSession, pixels: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(OUTPUTS, session.run(list(OUTPUTS), {"pixels": pixels}), strict=True))


def test_the_graph_gives_the_numbers_of_the_published_net(exact: onnxruntime.InferenceSession) -> None:
    found = run(exact, drawn_pixels())

    assert found["descriptors"].shape == (1, DIM, 20, 28)
    assert found["heat"].shape == (1, 160, 224)
    assert found["reliability"].shape == (1, 20, 28)
    for (name, *at), expected in PUBLISHED.items():
        assert found[name][0][tuple(at)] == pytest.approx(expected, abs=4e-3), (name, at)


def test_torch_s_net_gives_the_numbers_of_the_graph(exact: onnxruntime.InferenceSession) -> None:
    import torch

    from edge_identify.convert.local_features.feature_net import load_feature_net

    pixels = drawn_pixels()
    with torch.inference_mode():
        expected = load_feature_net()(torch.from_numpy(pixels))

    for name, values in zip(OUTPUTS, expected, strict=True):
        assert np.abs(run(exact, pixels)[name] - values.numpy()).max() < 2e-5, name


def test_weights_in_float16_move_the_outputs_by_their_rounding_only(
    exact: onnxruntime.InferenceSession, tmp_path: Path
) -> None:
    write_feature_graph(read_net_weights(), tmp_path / "net.onnx")
    half = onnxruntime.InferenceSession(tmp_path / "net.onnx")

    found, expected = run(half, drawn_pixels()), run(exact, drawn_pixels())

    assert (tmp_path / "net.onnx").stat().st_size < 1_400_000
    assert (found["descriptors"] * expected["descriptors"]).sum(axis=1).min() > 0.9999
    assert np.abs(found["heat"] - expected["heat"]).max() < 0.01
    assert np.abs(found["reliability"] - expected["reliability"]).max() < 0.01


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_feature_graph(read_net_weights(), tmp_path / name)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_any_sides_of_whole_steps_will_do_and_a_blank_image_gives_numbers(exact: onnxruntime.InferenceSession) -> None:
    for height, width in ((32, 32), (32, 480), (352, 64)):
        found = run(exact, np.full((1, height, width, 3), 200, np.uint8))
        assert found["heat"].shape == (1, height, width)
        assert all(np.isfinite(values).all() for values in found.values())
