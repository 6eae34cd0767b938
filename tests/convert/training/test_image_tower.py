"""A run at small scale: it learns, goes on where it was interrupted, and writes what the loader reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_identify.convert.training import image_tower
from edge_identify.convert.training.image_tower import ImageTowerRun, train_image_tower
from edge_identify.edge_runtime.errors import SetupError

STEPS, BATCH = 3, 12


class _InterruptedError(Exception):
    pass


def _tell_nobody(_what: str, _done: int, _total: int) -> None:
    return


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(48):
        pixels = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((144, 108)).save(folder / f"{number}.png")
        rows.append(json.dumps({"image": f"{number}.png", "source": "clothing", "label": ""}))
    (folder / "labels.jsonl").write_text("\n".join(rows))
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_tower, "_SIDE_PX", 128)
    monkeypatch.setattr(image_tower, "_MEMORY_THINGS", 64)
    monkeypatch.setattr(image_tower, "_CHECKPOINT_EVERY_S", 0)


@pytest.fixture(autouse=True)
def few_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    from edge_identify.convert.training import validation

    monkeypatch.setattr(validation, "_THINGS", 12)
    monkeypatch.setattr(validation, "_TWINS", 4)


def _run(photographs: Path, out: Path) -> ImageTowerRun:
    return ImageTowerRun(data=photographs, out=out, views=2 * BATCH * STEPS, batch=BATCH, workers=0)


def test_a_run_writes_weights_that_the_builtin_model_loads_and_a_log(photographs: Path, tmp_path: Path) -> None:
    from edge_identify.convert.builtin import load_image_weights
    from edge_identify.convert.models.loading import load_model

    run = _run(photographs, tmp_path / "tower.safetensors")
    report = train_image_tower(run, progress=_tell_nobody)
    assert (report.steps, report.views, report.photographs) == (STEPS, 2 * BATCH * STEPS, 45)
    loaded = load_model("builtin", "random")
    load_image_weights(loaded.model, run.out)
    last = json.loads(run.log.read_text().splitlines()[-1])
    assert last["step"] == STEPS
    assert last["near_twins"] == report.marks.near_twins


def test_an_interrupted_run_goes_on_to_the_same_weights(photographs: Path, tmp_path: Path) -> None:
    whole = _run(photographs, tmp_path / "whole.safetensors")
    train_image_tower(whole, progress=_tell_nobody)
    cut = _run(photographs, tmp_path / "cut.safetensors")

    def interrupt(what: str, done: int, _total: int) -> None:
        if (what, done) == ("training", 3):  # the checkpoint of the second step has been written
            raise _InterruptedError

    with pytest.raises(_InterruptedError):
        train_image_tower(cut, progress=interrupt)
    assert not cut.out.exists()
    train_image_tower(cut, progress=_tell_nobody)
    assert cut.out.read_bytes() == whole.out.read_bytes()


def test_a_checkpoint_of_another_recipe_is_refused(photographs: Path, tmp_path: Path) -> None:
    run = _run(photographs, tmp_path / "tower.safetensors")
    train_image_tower(run, progress=_tell_nobody)
    with pytest.raises(SetupError, match=r"checkpoint.safetensors: belongs to a run with .*seed"):
        train_image_tower(replace(run, seed=1), progress=_tell_nobody)


def test_a_file_that_is_no_checkpoint_is_refused_by_name(photographs: Path, tmp_path: Path) -> None:
    run = _run(photographs, tmp_path / "tower.safetensors")
    run.checkpoint.write_bytes(b"not a checkpoint")
    with pytest.raises(SetupError, match=r"tower.checkpoint.safetensors: is not a checkpoint"):
        train_image_tower(run, progress=_tell_nobody)


def test_going_on_from_weights_starts_from_them(photographs: Path, tmp_path: Path) -> None:
    first = _run(photographs, tmp_path / "first.safetensors")
    train_image_tower(first, progress=_tell_nobody)
    second = replace(first, out=tmp_path / "second.safetensors", start_from=first.out, learning_rate=1e-9)
    train_image_tower(second, progress=_tell_nobody)
    from safetensors.numpy import load_file

    one, two = load_file(first.out), load_file(second.out)
    key = "visual.trunk.backbone.layer1.0.conv1.weight"
    assert np.abs(one[key].astype(np.float32) - two[key].astype(np.float32)).max() < 1e-3


def test_too_few_photographs_and_a_missing_teacher_are_refused(photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").write_text("")
    with pytest.raises(SetupError, match="0 photographs are too few"):
        train_image_tower(_run(tmp_path, tmp_path / "tower.safetensors"), progress=_tell_nobody)
    taught = replace(_run(photographs, tmp_path / "tower.safetensors"), teacher=tmp_path / "teacher.onnx")
    with pytest.raises(SetupError, match=r"teacher.onnx: there is no such file"):
        train_image_tower(taught, progress=_tell_nobody)
