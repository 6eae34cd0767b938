"""A run at small scale: it learns, goes on where it was interrupted, and writes what the loader reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from edge_identify.convert.builtin import image_tower as builtin_tower
from edge_identify.convert.builtin.shipped_weights import IMAGE_WEIGHTS, read_image_state
from edge_identify.convert.training import train_embedding_layer
from edge_identify.convert.training import train_image_tower as image_tower
from edge_identify.convert.training.layers import discriminants
from edge_identify.convert.training.train_image_tower import ImageTowerRun, train_image_tower
from edge_identify.edge_runtime.errors import SetupError

STEPS, BATCH, LAYER_THINGS = 3, 12, 12
KERNEL = "visual.trunk.backbone.layer1.0.conv1.weight"


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
    monkeypatch.setattr(image_tower, "_CHECKPOINT_EVERY_S", 0)
    monkeypatch.setattr(train_embedding_layer, "_BATCH", LAYER_THINGS)
    monkeypatch.setattr(train_embedding_layer, "_WHITENING_THINGS", 12)
    monkeypatch.setattr(discriminants, "_ITERATIONS", 1)


@pytest.fixture
def small_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtin_tower, "_LAYOUT_CHANNELS", 8)  # a fifth of the features costs a hundredth


@pytest.fixture(autouse=True)
def few_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    from edge_identify.convert.training import held_out_examination

    monkeypatch.setattr(held_out_examination, "_THINGS", 12)
    monkeypatch.setattr(held_out_examination, "_TWINS", 4)


def _run(photographs: Path, out: Path) -> ImageTowerRun:
    return ImageTowerRun(
        data=photographs, out=out, views=2 * BATCH * STEPS, layer_things=LAYER_THINGS, batch=BATCH, workers=0
    )


def test_a_run_writes_weights_that_the_builtin_model_loads_and_a_log(photographs: Path, tmp_path: Path) -> None:
    from edge_identify.convert.builtin import load_image_weights
    from edge_identify.convert.models.model_loading import load_model

    run = _run(photographs, tmp_path / "tower.safetensors")
    report = train_image_tower(run, progress=_tell_nobody)
    assert (report.steps, report.views, report.photographs) == (STEPS, 2 * BATCH * STEPS, 45)
    assert report.layer_things == LAYER_THINGS
    loaded = load_model("builtin", "random")
    load_image_weights(loaded.model, run.out)
    last = json.loads(run.log.read_text().splitlines()[-1])
    assert last["step"] == STEPS
    assert last["near_twins"] == report.marks.near_twins


@pytest.mark.usefixtures("small_layer")
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


@pytest.mark.usefixtures("small_layer")
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


@pytest.mark.usefixtures("small_layer")
def test_going_on_from_weights_starts_from_their_trunk(photographs: Path, tmp_path: Path) -> None:
    first = _run(photographs, tmp_path / "first.safetensors")
    train_image_tower(first, progress=_tell_nobody)
    second = replace(first, out=tmp_path / "second.safetensors", start_from=first.out, learning_rate=1e-9)
    train_image_tower(second, progress=_tell_nobody)
    one, two = load_file(first.out), load_file(second.out)
    assert np.abs(one[KERNEL].astype(np.float32) - two[KERNEL].astype(np.float32)).max() < 1e-3


def test_without_views_the_trunk_stays_and_its_layer_is_made_anew(photographs: Path, tmp_path: Path) -> None:
    shipped = replace(
        _run(photographs, tmp_path / "layer.safetensors"), views=0, start_from=IMAGE_WEIGHTS, layer_things=24
    )
    report = train_image_tower(shipped, progress=_tell_nobody)
    assert (report.steps, report.views, report.layer_things) == (0, 0, 24)
    before, after = read_image_state(IMAGE_WEIGHTS), read_image_state(shipped.out)
    assert all(bool((before[key] == after[key]).all()) for key in before if not key.startswith("embedding."))
    assert not bool((before["embedding.weight"] == after["embedding.weight"]).all())
    with pytest.raises(SetupError, match="--views 0 keeps a trunk as it is; say which with --start-from"):
        train_image_tower(replace(shipped, start_from=None), progress=_tell_nobody)


def test_too_few_photographs_and_a_missing_teacher_are_refused(photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").write_text("")
    with pytest.raises(SetupError, match="0 photographs are too few"):
        train_image_tower(_run(tmp_path, tmp_path / "tower.safetensors"), progress=_tell_nobody)
    taught = replace(_run(photographs, tmp_path / "tower.safetensors"), teacher=tmp_path / "teacher.onnx")
    with pytest.raises(SetupError, match=r"teacher.onnx: there is no such file"):
        train_image_tower(taught, progress=_tell_nobody)
