"""The probe for saturated 8-bit products runs on every system."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_identify.edge_runtime.encoders.saturation import probe_model, saturates_here

CPUINFO = Path("/proc/cpuinfo")


def test_the_probe_is_a_valid_model() -> None:
    import onnx

    model = onnx.load_from_string(probe_model())
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["MatMulInteger"]


def test_processors_with_avx2_and_without_vnni_saturate_and_no_others() -> None:
    lines = CPUINFO.read_text().splitlines() if CPUINFO.is_file() else []
    flags = next((set(line.split(":")[1].split()) for line in lines if line.startswith("flags")), None)
    if flags is None:
        pytest.skip("this system does not tell the processor's flags")
    has_vnni = any("vnni" in flag for flag in flags)
    assert saturates_here() == ("avx2" in flags and not has_vnni)
