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
