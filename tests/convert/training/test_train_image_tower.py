"""A run at small scale: it learns, goes on where it was interrupted, and writes what the loader reads."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file
from typefaces import write_typeface

from edge_identify.convert.builtin import image_tower as builtin_tower
from edge_identify.convert.builtin.shipped_weights import read_image_state
from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators
from edge_identify.convert.training import train_embedding_layer
from edge_identify.convert.training import train_image_tower as image_tower
from edge_identify.convert.training.layers import discriminants
from edge_identify.convert.training.layers.contrast_net import Part
from edge_identify.convert.training.train_image_tower import ImageTowerRun, train_image_tower
from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEPS, BATCH, LAYER_THINGS = 3, 12, 12
LATE = "backbone.blocks.5.0.conv_pw.weight"


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


@pytest.fixture(scope="module")
def trunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as timm's pretrained weights come, with what follows the last block; the numbers are random."""
    ensure_torchvision_operators()
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("trunk") / "tf_efficientnet_lite0.safetensors"
    save_file(timm.create_model("tf_efficientnet_lite0", num_classes=10).state_dict(), path)
    return path


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_tower, "_CHECKPOINT_EVERY_S", 0)
    monkeypatch.setattr(image_tower, "_HEAD_FIRST_STEPS", 1)
    monkeypatch.setattr(image_tower, "_WARM_UP_STEPS", 1)
    monkeypatch.setattr(image_tower, "_LOGGED_EVERY", 1)
    monkeypatch.setattr(train_embedding_layer, "_BATCH", LAYER_THINGS)
    monkeypatch.setattr(train_embedding_layer, "_WHITENING_THINGS", 12)
    monkeypatch.setattr(discriminants, "_ITERATIONS", 1)


@pytest.fixture
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (builtin_tower, train_embedding_layer, image_tower):
        monkeypatch.setattr(module, "SIZE_PX", 128)  # a quarter of the time


@pytest.fixture(autouse=True)
def few_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    from edge_identify.convert.training import held_out_examination

    monkeypatch.setattr(held_out_examination, "_THINGS", 12)
    monkeypatch.setattr(held_out_examination, "_TWINS", 4)


def _run(photographs: Path, trunk: Path, out: Path) -> ImageTowerRun:
    return ImageTowerRun(
        data=photographs,
        out=out,
        start_from=trunk,
        views=2 * BATCH * STEPS,
        layer_things=LAYER_THINGS,
        batch=BATCH,
        workers=0,
    )


def test_a_run_writes_weights_that_the_builtin_model_loads_and_a_log(
    photographs: Path, trunk: Path, tmp_path: Path
) -> None:
    from edge_identify.convert.builtin import load_image_weights
    from edge_identify.convert.models.model_loading import load_model

    run = _run(photographs, trunk, tmp_path / "tower.safetensors")
    report = train_image_tower(run, progress=_tell_nobody)
    assert (report.steps, report.views, report.photographs) == (STEPS, 2 * BATCH * STEPS, 45)
    assert report.layer_things == LAYER_THINGS
    loaded = load_model("builtin", "random")
    load_image_weights(loaded.model, run.out)
    last = json.loads(run.log.read_text().splitlines()[-1])
    assert last["step"] == STEPS
    assert last["near_twins"] == report.marks.near_twins
    first = json.loads(run.log.read_text().splitlines()[0])
    assert first["contrast"] > 0
    assert first["hold"] > 0


@pytest.mark.usefixtures("small_pictures")
def test_an_interrupted_run_goes_on_to_the_same_weights(photographs: Path, trunk: Path, tmp_path: Path) -> None:
    whole = _run(photographs, trunk, tmp_path / "whole.safetensors")
    train_image_tower(whole, progress=_tell_nobody)
    cut = _run(photographs, trunk, tmp_path / "cut.safetensors")

    def interrupt(at: int, what: str, done: int, _total: int) -> None:
        if (what, done) == ("training", at):  # the checkpoint of the step before has been written
            raise _InterruptedError

    for at in (2, 3):  # after a step in which the head learnt alone, and after one in which the trunk did, too
        with pytest.raises(_InterruptedError):
            train_image_tower(cut, progress=partial(interrupt, at))
    assert not cut.out.exists()
    train_image_tower(cut, progress=_tell_nobody)
    assert cut.out.read_bytes() == whole.out.read_bytes()


@pytest.mark.usefixtures("small_pictures")
def test_a_checkpoint_of_another_recipe_is_refused(photographs: Path, trunk: Path, tmp_path: Path) -> None:
    run = _run(photographs, trunk, tmp_path / "tower.safetensors")
    train_image_tower(run, progress=_tell_nobody)
    with pytest.raises(SetupError, match=r"checkpoint.safetensors: belongs to a run with .*seed"):
        train_image_tower(replace(run, seed=1), progress=_tell_nobody)


@pytest.mark.usefixtures("small_pictures")
def test_a_file_that_is_no_checkpoint_is_refused_by_name(photographs: Path, trunk: Path, tmp_path: Path) -> None:
    run = _run(photographs, trunk, tmp_path / "tower.safetensors")
    run.checkpoint.write_bytes(b"not a checkpoint")
    with pytest.raises(SetupError, match=r"tower.checkpoint.safetensors: is not a checkpoint"):
        train_image_tower(run, progress=_tell_nobody)


@pytest.mark.usefixtures("small_pictures")
def test_the_later_blocks_learn_and_the_first_ones_and_batch_norms_statistics_stay(
    photographs: Path, trunk: Path, tmp_path: Path
) -> None:
    run = replace(_run(photographs, trunk, tmp_path / "tower.safetensors"), tuned_share=1.0)
    train_image_tower(run, progress=_tell_nobody)
    before, after = load_file(trunk), read_image_state(run.out)
    for key in ("blocks.2.0.conv_pw.weight", "blocks.2.0.bn1.bias", "blocks.5.0.bn1.running_mean"):
        assert np.abs(before[key] - after[f"backbone.{key}"].numpy()).max() < 1e-3, key  # stored as half precision
    for key in ("blocks.5.0.conv_pw.weight", "blocks.5.0.bn1.bias"):
        assert np.abs(before[key] - after[f"backbone.{key}"].numpy()).mean() > 1e-4, key


@pytest.mark.usefixtures("small_pictures")
def test_only_the_blocks_behind_the_fine_map_learn_if_asked(photographs: Path, trunk: Path, tmp_path: Path) -> None:
    whole = replace(_run(photographs, trunk, tmp_path / "tower.safetensors"), tuned_share=1.0)
    run = replace(whole, part=Part.COARSE)
    train_image_tower(run, progress=_tell_nobody)
    before, after = load_file(trunk), read_image_state(run.out)
    moved = {
        block: np.abs(before[key] - after[f"backbone.{key}"].numpy()).mean()
        for block, key in ((block, f"blocks.{block}.0.conv_pw.weight") for block in (3, 4, 5, 6))
    }
    assert max(moved[3], moved[4]) < 5e-5  # stored as half precision
    assert min(moved[5], moved[6]) > 1e-4
    with pytest.raises(SetupError, match=r'belongs to a run with .*"part": "coarse"'):
        train_image_tower(whole, progress=_tell_nobody)


@pytest.mark.usefixtures("small_pictures")
def test_a_greater_hold_keeps_the_trunk_nearer_to_the_pretrained_one(
    photographs: Path, trunk: Path, tmp_path: Path
) -> None:
    def last_distance(hold: float) -> float:
        run = replace(_run(photographs, trunk, tmp_path / f"{hold}.safetensors"), views=2 * BATCH * 6, hold=hold)
        train_image_tower(run, progress=_tell_nobody)
        steps = [row for line in run.log.read_text().splitlines() if "hold" in (row := json.loads(line))]
        return float(steps[-1]["hold"])

    assert last_distance(1000.0) < last_distance(0.0)


@pytest.mark.usefixtures("small_pictures")
def test_the_weights_are_averaged_with_the_pretrained_ones(photographs: Path, trunk: Path, tmp_path: Path) -> None:
    tuned, half, none = (
        _kernel_after(replace(_run(photographs, trunk, tmp_path / f"{share}.safetensors"), tuned_share=share))
        for share in (1.0, 0.5, 0.0)
    )
    assert np.allclose(none, load_file(trunk)["blocks.5.0.conv_pw.weight"], atol=1e-4)  # stored as half precision
    moved = np.abs(tuned - none).mean()
    assert moved > 1e-4
    assert np.abs(half - (tuned + none) / 2).mean() < moved / 10


@pytest.mark.usefixtures("small_pictures")
def test_going_on_from_a_tower_holds_to_the_pretrained_trunk(photographs: Path, trunk: Path, tmp_path: Path) -> None:
    first = replace(_run(photographs, trunk, tmp_path / "first.safetensors"), tuned_share=1.0)
    train_image_tower(first, progress=_tell_nobody)
    half_precision = tmp_path / "half.safetensors"
    save_file({key: value.astype(np.float16) for key, value in load_file(trunk).items()}, half_precision)
    second = replace(
        first, out=tmp_path / "second.safetensors", start_from=first.out, pretrained=half_precision, learning_rate=1e-9
    )
    train_image_tower(second, progress=_tell_nobody)
    assert json.loads(second.log.read_text().splitlines()[0])["hold"] > 1e-3
    other = tmp_path / "other.safetensors"
    state = load_file(trunk)
    save_file({**state, "bn1.bias": state["bn1.bias"] + 1}, other)
    with pytest.raises(SetupError, match=r"first.safetensors: its first blocks are not those of .*other.safetensors"):
        train_image_tower(replace(second, out=tmp_path / "third.safetensors", pretrained=other), progress=_tell_nobody)


@pytest.mark.usefixtures("small_pictures")
def test_without_views_the_trunk_stays_and_its_layer_is_made_anew(
    photographs: Path, trunk: Path, tmp_path: Path
) -> None:
    run = replace(_run(photographs, trunk, tmp_path / "layer.safetensors"), views=0, layer_things=24)
    report = train_image_tower(run, progress=_tell_nobody)
    assert (report.steps, report.views, report.layer_things) == (0, 0, 24)
    before, after = load_file(trunk), read_image_state(run.out)
    kept = {key.removeprefix("backbone."): value.numpy() for key, value in after.items() if key.startswith("backbone.")}
    assert all(np.allclose(before[key], value, atol=1e-3) for key, value in kept.items())


@pytest.mark.usefixtures("small_pictures")
def test_weights_of_another_net_and_too_few_photographs_are_refused(
    photographs: Path, trunk: Path, tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign.safetensors"
    save_file({"conv1.weight": np.zeros((2, 2), np.float32)}, foreign)
    with pytest.raises(SetupError, match=r"foreign.safetensors: is not of timm's tf_efficientnet_lite0"):
        train_image_tower(_run(photographs, foreign, tmp_path / "tower.safetensors"), progress=_tell_nobody)
    foreign.write_bytes(b"no weights")
    with pytest.raises(SetupError, match=r"foreign.safetensors: cannot be read as weights of a trunk"):
        train_image_tower(_run(photographs, foreign, tmp_path / "tower.safetensors"), progress=_tell_nobody)
    (tmp_path / "labels.jsonl").write_text("")
    with pytest.raises(SetupError, match="0 photographs are too few"):
        train_image_tower(_run(tmp_path, trunk, tmp_path / "tower.safetensors"), progress=_tell_nobody)


@pytest.mark.usefixtures("small_pictures")
def test_a_trunk_without_its_last_convolution_cannot_be_held(photographs: Path, trunk: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.safetensors"
    save_file({key: value for key, value in load_file(trunk).items() if not key.startswith("conv_head")}, short)
    with pytest.raises(SetupError, match=r"short.safetensors: has no last convolution .* --pretrained"):
        train_image_tower(_run(photographs, short, tmp_path / "tower.safetensors"), progress=_tell_nobody)


@pytest.mark.usefixtures("small_pictures")
def test_typefaces_change_what_is_learnt_from_and_a_folder_without_any_is_refused(
    photographs: Path, trunk: Path, tmp_path: Path
) -> None:
    plain = _run(photographs, trunk, tmp_path / "plain.safetensors")
    with pytest.raises(SetupError, match="holds no typeface"):
        train_image_tower(replace(plain, typefaces=tmp_path), progress=_tell_nobody)
    write_typeface(tmp_path / "fonts" / "one.ttf")
    printed = replace(plain, out=tmp_path / "printed.safetensors", typefaces=tmp_path / "fonts")
    assert np.abs(_kernel_after(printed) - _kernel_after(plain)).max() > 0


def _kernel_after(run: ImageTowerRun) -> NDArray[np.float32]:
    train_image_tower(run, progress=_tell_nobody)
    kernel: NDArray[np.float32] = read_image_state(run.out)[LATE].numpy()
    return kernel
