"""A model that ONNX Runtime cannot load is one error; standard output is for results."""

from __future__ import annotations

from pathlib import Path

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
