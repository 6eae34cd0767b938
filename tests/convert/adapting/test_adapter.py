"""Adapters: reading and writing the file, and models with an adapter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from edge_identify.convert.adapting.adapter import Adapter, adapt, read_adapter, write_adapter
from edge_identify.convert.export.towers import embed, image_tower, text_tower
from edge_identify.convert.models.model_loading import LoadedModel, load_model
from edge_identify.edge_runtime.errors import SetupError


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_model("builtin")


def _adapter(model: LoadedModel) -> Adapter:
    matrix = np.eye(model.dim) + 0.05 * np.random.default_rng(0).standard_normal((model.dim, model.dim))
    return Adapter(matrix=matrix.astype(np.float32), space_id=model.space_id, references=200)


def test_what_is_written_is_read(model: LoadedModel, tmp_path: Path) -> None:
    adapter = _adapter(model)
    write_adapter(tmp_path / "a.safetensors", adapter)
    first = (tmp_path / "a.safetensors").read_bytes()

    found = read_adapter(tmp_path / "a.safetensors")

    assert np.array_equal(found.matrix, adapter.matrix)
    assert (found.space_id, found.references) == (adapter.space_id, 200)
    write_adapter(tmp_path / "a.safetensors", found)
    assert (tmp_path / "a.safetensors").read_bytes() == first


def test_both_towers_are_multiplied_by_it_and_their_space_is_another(model: LoadedModel) -> None:
    adapter = _adapter(model)
    assert model.tokenizer is not None
    pixels = np.random.default_rng(1).integers(0, 256, (3, 160, 160, 3), dtype=np.uint8)
    tokens = model.tokenizer.encode(["a red mosaic", "milk"])

    adapted = adapt(model, adapter, name="a")

    for tower, batch in ((image_tower, pixels), (text_tower, tokens)):
        expected = embed(tower(model), batch) @ adapter.matrix
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        np.testing.assert_allclose(embed(tower(adapted), batch), expected, atol=1e-5)
    other = adapt(model, replace(adapter, matrix=adapter.matrix * np.float32(1.01)), name="b")
    assert len({model.space_id, adapted.space_id, other.space_id}) == 3
    assert adapt(model, adapter, name="c").space_id == adapted.space_id


def test_an_adapter_of_another_encoder_is_refused(model: LoadedModel) -> None:
    with pytest.raises(SetupError, match=r"mine\.adapter: was not learnt with the encoder builtin"):
        adapt(model, replace(_adapter(model), space_id="0" * 64), name="mine.adapter")
    with pytest.raises(SetupError, match="was not learnt with the encoder"):
        adapt(model, replace(_adapter(model), matrix=np.eye(7, dtype=np.float32)), name="mine.adapter")


def test_an_adapted_model_cannot_be_adapted_again(model: LoadedModel) -> None:
    adapter = _adapter(model)

    with pytest.raises(SetupError, match="was not learnt with the encoder"):
        adapt(adapt(model, adapter, name="a"), adapter, name="a")


@pytest.mark.parametrize(
    ("matrix", "about", "reason"),
    [
        (np.zeros((4, 3), np.float32), "0 200", "is not an adapter"),
        (np.zeros(4, np.float32), "0 200", "is not an adapter"),
        (np.eye(4, dtype=np.float32), "", "is not an adapter"),
        (np.eye(4, dtype=np.float32), "0 -1", "is not an adapter"),
        (np.eye(4, dtype=np.float64), "0 200", "values that no adapter has"),
        (np.full((4, 4), np.nan, np.float32), "0 200", "values that no adapter has"),
        (np.full((4, 4), 1e9, np.float32), "0 200", "values that no adapter has"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(
    tmp_path: Path, matrix: np.ndarray, about: str, reason: str
) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"matrix": matrix}, path, metadata={"learnt_with": about})

    with pytest.raises(SetupError, match=rf"x\.safetensors.*{reason}"):
        read_adapter(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"not an adapter at all")
    with pytest.raises(SetupError, match=r"x\.safetensors: cannot be read as an adapter"):
        read_adapter(path)
    save_file({"weights": np.eye(4, dtype=np.float32)}, path, metadata={"learnt_with": "0 200"})
    with pytest.raises(SetupError, match="is not an adapter"):
        read_adapter(path)
