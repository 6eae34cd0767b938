"""A teacher is asked through ONNX Runtime; its answers are whitened; a file that is none is refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edge_identify.convert.training.material.image_batches import KnownThings
from edge_identify.convert.training.material.image_material import ask_teacher
from edge_identify.convert.training.material.teacher import teach, whitened
from edge_identify.edge_runtime.errors import SetupError


@pytest.fixture
def mean_colour(tmp_path: Path) -> Path:
    """A teacher that answers with the mean of each channel."""
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["image"], ["answer"])],
        "mean-colour",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 16, 16])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["n", 3, 1, 1])],
    )
    path = tmp_path / "teacher.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def _plain(*colours: tuple[int, int, int]) -> list[NDArray[np.uint8]]:
    return [np.full((24, 24, 3), colour, dtype=np.uint8) for colour in colours]


def test_the_teacher_sees_each_image_normalised_and_at_its_size(mean_colour: Path) -> None:
    told: list[int] = []
    answers = teach(mean_colour, _plain((255, 0, 0), (0, 0, 255)), progress=told.append)
    assert answers == pytest.approx(np.array([[1, -1, -1], [-1, -1, 1]]) / np.sqrt(3), abs=1e-5)
    assert told == [2]


def test_whitened_answers_have_length_1_equal_spread_and_no_common_direction() -> None:
    rng = np.random.default_rng(0)
    narrow = (rng.normal(size=(400, 6)) * [9, 3, 1, 1, 1, 1] + 20).astype(np.float32)
    white = whitened(narrow, 4)
    assert white.shape == (400, 4)
    assert np.linalg.norm(white, axis=1) == pytest.approx(np.ones(400), abs=1e-5)
    assert np.abs(white.mean(axis=0)).max() < 0.1
    assert white.std(axis=0).max() / white.std(axis=0).min() < 1.0 / 0.2
    assert narrow.std(axis=0).max() / narrow.std(axis=0).min() > 8


def test_answers_are_kept_and_asked_for_again_when_the_question_changes(mean_colour: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    images = tuple(rng.integers(0, 256, (144, 144, 3), dtype=np.uint8) for _ in range(4))
    kept = tmp_path / "answers.safetensors"
    told: list[str] = []

    def ask(seed: int) -> NDArray[np.float32]:
        known = KnownThings(photographs=images, seed=seed)
        return ask_teacher(mean_colour, known, dim=2, kept_in=kept, progress=lambda what, *_: told.append(what))

    first, again = ask(0), ask(0)
    assert np.array_equal(first, again)
    assert len(told) == 1
    ask(1)
    assert len(told) == 2


def test_a_file_that_is_no_model_is_refused_by_name(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(SetupError, match=r"broken.onnx: is not a model that ONNX Runtime opens"):
        teach(broken, _plain((0, 0, 0)), progress=lambda _: None)
