"""Packs whose self-test is a trap: it is ended in time, within its memory, and the version before stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, load, save
from PIL import Image

from edge_identify.edge_runtime.errors import (
    PackDamagedError,
    PackFileDamagedError,
    PackFormatError,
    SelfTestNotStartedError,
    SelfTestUnfinishedError,
)
from edge_identify.edge_runtime.pack.pack_reader import Pack, open_pack
from edge_identify.edge_runtime.store import bounded_self_test
from edge_identify.edge_runtime.store.bounded_self_test import self_test_within_limits
from edge_identify.edge_runtime.store.self_test import ConformanceCase, self_test, serialise_cases

MakePack = Callable[[], Path]
Rewrite = Callable[[Path], None]


@pytest.fixture
def pack(colour_pack: MakePack, rewrite_manifest: Rewrite) -> Path:
    """A colour pack whose self-test passes."""
    folder = colour_pack()
    Image.new("RGB", (30, 20), (255, 0, 0)).save(folder / "photo.png")
    write_cases(folder, 1)
    rewrite_manifest(folder)
    return folder


def write_cases(folder: Path, count: int) -> None:
    case = ConformanceCase(photo="photo.png", pixels_sha256="0" * 64, embedding=(1.0, 0.0, 0.0))
    (folder / "cases.json").write_bytes(serialise_cases((case,) * count, tolerance=0.99))


def run(folder: Path, limit_s: float = 60.0) -> None:
    opened = open_pack(folder)
    self_test_within_limits(folder, opened.manifest, opened.variant_names, limit_s=limit_s)


def add_products(folder: Path, count: int, side: int) -> None:
    """Let the encoder multiply matrices that have nothing to do with the answer."""
    model = load(folder / "encoders/model.onnx")
    model.graph.initializer.append(helper.make_tensor("shape", TensorProto.INT64, [2], [side, side]))
    model.graph.initializer.append(helper.make_tensor("nothing", TensorProto.FLOAT, [], [0.0]))
    value = helper.make_tensor("value", TensorProto.FLOAT, [1], [1e-9])
    last = model.graph.node[-1]
    last.output[0] = "plain"
    nodes = [helper.make_node("ConstantOfShape", ["shape"], ["product0"], value=value)]
    nodes += [helper.make_node("MatMul", [f"product{at}", "product0"], [f"product{at + 1}"]) for at in range(count)]
    nodes += [
        helper.make_node("ReduceSum", [f"product{count}"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "nothing"], ["zero"]),
        helper.make_node("Add", ["plain", "zero"], ["embedding"]),
    ]
    model.graph.node.extend(nodes)
    save(model, folder / "encoders/model.onnx")


def test_a_pack_that_is_in_order_passes(pack: Path) -> None:
    run(pack)


def test_a_self_test_that_does_not_end_is_given_up(pack: Path, rewrite_manifest: Rewrite) -> None:
    add_products(pack, 500, 2000)
    rewrite_manifest(pack)

    with pytest.raises(SelfTestUnfinishedError, match=r"pack colours: its self-test did not end within 5 seconds"):
        run(pack, limit_s=5.0)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux limits a process's memory here")
def test_a_self_test_that_takes_gigabytes_is_given_up(
    pack: Path, rewrite_manifest: Rewrite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_self_test, "_MEMORY_BYTES", 400 * 2**20)
    add_products(pack, 1, 20_000)  # 1.6 GB each
    rewrite_manifest(pack)

    with pytest.raises(PackDamagedError, match=r"model\.onnx|memory|ended the process"):
        run(pack)


def test_a_crash_of_native_code_is_the_pack_s_fault(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dies = "import os, signal; print('started', flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    monkeypatch.setattr(bounded_self_test, "_CHILD", dies)

    with pytest.raises(PackDamagedError, match=r"ended the process that ran it \(SIGKILL\)"):
        run(pack)


@pytest.mark.parametrize(
    "child",
    [
        "import no_such_module",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import json, sys; from edge_identify.edge_runtime.store import bounded_self_test as b\n"
        "sys.modules['onnxruntime'] = None; b.run_job(json.load(sys.stdin))",
    ],
)
def test_a_process_that_cannot_test_says_nothing_about_the_pack(
    child: str, pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_self_test, "_CHILD", child)
    with pytest.raises(SelfTestNotStartedError, match=r"could test pack colours|onnxruntime"):
        run(pack)


def test_an_interpreter_that_does_not_start_says_nothing_about_the_pack(
    pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python3")
    with pytest.raises(SelfTestNotStartedError, match="cannot be started to test pack colours"):
        run(pack)


def test_errors_keep_their_kind_and_their_message(pack: Path, rewrite_manifest: Rewrite) -> None:
    (pack / "cases.json").write_text('{"tolerance": "high"}')
    rewrite_manifest(pack)
    with pytest.raises(PackFormatError, match="`tolerance` should be a number"):
        run(pack)

    (pack / "cases.json").write_text("#" * (pack / "cases.json").stat().st_size)
    with pytest.raises(PackFileDamagedError, match="its content has changed") as damaged:
        run(pack)
    assert "edge-build pack" in str(damaged.value.for_maker())


def test_in_a_frozen_application_the_self_test_runs_in_the_same_process(
    pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested: list[Pack] = []
    monkeypatch.setattr(bounded_self_test, "self_test", tested.append)
    monkeypatch.setattr("sys.frozen", True, raising=False)
    run(pack)
    monkeypatch.delattr("sys.frozen")
    monkeypatch.setattr("sys.executable", "/usr/bin/blender")
    run(pack)

    assert [one.folder for one in tested] == [pack, pack]


def test_many_cases_and_large_photos_are_refused(pack: Path, rewrite_manifest: Rewrite) -> None:
    write_cases(pack, 65)
    rewrite_manifest(pack)
    with pytest.raises(PackDamagedError, match="holds 65 photos, more than the limit of 64"):
        self_test(open_pack(pack))

    write_cases(pack, 1)
    Image.fromarray(np.zeros((1, 5000), np.uint8)).save(pack / "photo.png")
    rewrite_manifest(pack)
    with pytest.raises(PackDamagedError, match="a side may have 4096 at most"):
        self_test(open_pack(pack))


def test_what_the_child_is_told_is_json_that_holds_any_path(pack: Path) -> None:
    moved = pack.rename(pack.with_name("färben 'x' \"y\""))

    run(moved)
