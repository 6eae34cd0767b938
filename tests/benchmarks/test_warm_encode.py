"""Both towers are measured against float32, torch and the machine's two limits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_both_limits_are_measured_and_a_model_that_torch_does_not_know_is_said_aloud(
    colour_pack: Callable[[], Path],
) -> None:
    ended = subprocess.run(
        [sys.executable, str(BENCHMARKS / "warm_encode.py"), "--pack", str(colour_pack()), "--rounds", "2"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )

    assert ended.returncode == 0, ended.stderr
    line = json.loads(ended.stdout)
    assert line["product_gflops"] > 1
    assert line["product_int8_gops"] > 1
    assert line["ratio_to_fp32"]["image onnx-fp32 prepacked"] == 1
    assert "SKIPPED torch: " in ended.stderr


def test_the_products_that_give_the_limits_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import warm_encode

    rng = np.random.default_rng(0)
    side = warm_encode._SIDE
    values = rng.integers(0, 256, (side, side), dtype=np.uint8)
    # 7 bits: more of them overflow 16 bits on processors without VNNI.
    weights = rng.integers(-64, 64, (side, side), dtype=np.int8)

    (found,) = warm_encode._product("MatMulInteger", values, weights)()

    assert np.array_equal(found[0], values[0].astype(np.int32) @ weights.astype(np.int32))


def test_times_are_shares_of_the_same_tower_s_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import warm_encode

    taken = {"image onnx-fp32 prepacked": 60.0, "image onnx-int8 mapped": 30.0, "image torch": 90.0, "text torch": 5.0}

    assert warm_encode._ratios(taken) == {
        "image onnx-fp32 prepacked": 1.0,
        "image onnx-int8 mapped": 0.5,
        "image torch": 1.5,
    }
