"""A model that ONNX Runtime cannot load is one error; standard output is for results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_identify.edge_runtime.encoders.onnx_encoder import OnnxEncoder
from edge_identify.edge_runtime.encoders.saturation import probe_model
from edge_identify.edge_runtime.errors import PackDamagedError


def _encoder(path: Path) -> OnnxEncoder:
    return OnnxEncoder(path, name="onnx-int8", input_name="activations", output_name="product")


def test_a_model_that_cannot_be_loaded_writes_nothing_to_standard_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    no_text = b"\xddatMulInteger"  # ONNX Runtime's own retry, after such a name, is told on standard output
    (tmp_path / "model.onnx").write_bytes(probe_model().replace(b"MatMulInteger", no_text))

    with pytest.raises(PackDamagedError, match="ONNX Runtime cannot load this model"):
        _encoder(tmp_path / "model.onnx")

    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    "message", ["std::bad_alloc", "bfc_arena.cc:360 Failed to allocate memory for requested buffer"]
)
def test_too_little_memory_is_no_damage_of_the_pack(colour_pack: Callable[[], Path], message: str) -> None:
    class Session:
        def run(self, *_: object) -> None:
            raise RuntimeError(message)

    path = colour_pack() / "encoders/model.onnx"
    encoder = OnnxEncoder(path, name="x", input_name="pixels", output_name="embedding")
    encoder._session = Session()

    with pytest.raises(MemoryError, match="too little memory"):
        encoder.embed(np.zeros((1, 8, 8, 3), np.uint8))


class Sums:
    """A session whose embedding of an input is its sum, twice; of `odd` inputs at once, once."""

    def __init__(self, odd: int = 0) -> None:
        self.odd, self.counts = odd, list[int]()

    def run(self, _: object, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        (batch,) = inputs.values()
        self.counts.append(len(batch))
        sums = batch.sum(axis=(1, 2, 3), dtype=np.float32)[:, None]
        return [sums if len(batch) == self.odd else np.repeat(sums, 2, axis=1)]


def test_many_inputs_go_through_the_net_a_few_at_a_time(colour_pack: Callable[[], Path]) -> None:
    encoder = OnnxEncoder(
        colour_pack() / "encoders/model.onnx", name="x", input_name="pixels", output_name="embedding", many=True
    )
    pixels = np.arange(20, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    encoder._session = session = Sums()

    assert (encoder.embed(pixels)[:, 1] == np.arange(20) * 12).all()
    assert session.counts == [8, 8, 4]
    encoder._session = Sums(odd=4)
    with pytest.raises(PackDamagedError, match="embeddings of several lengths"):
        encoder.embed(pixels)
