"""A model that ONNX Runtime cannot load is one error; standard output is for results."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_identify.edge_runtime.encoders.onnx_encoder import OnnxEncoder
from edge_identify.edge_runtime.encoders.saturation import probe_model
from edge_identify.edge_runtime.errors import PackDamagedError


def _encoder(path: Path) -> OnnxEncoder:
    return OnnxEncoder(path, name="onnx-int8", input_name="activations", output_name="product")


@pytest.mark.parametrize("operator", [b"MatMulIntegex", b"GatherElement"])
def test_a_model_that_cannot_be_loaded_writes_nothing_to_standard_output(
    operator: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = probe_model()
    assert len(operator) == len(b"MatMulInteger")
    assert whole.count(b"MatMulInteger") == 1
    (tmp_path / "model.onnx").write_bytes(whole.replace(b"MatMulInteger", operator))

    with pytest.raises(PackDamagedError, match="ONNX Runtime cannot load this model"):
        _encoder(tmp_path / "model.onnx")

    assert capfd.readouterr().out == ""
