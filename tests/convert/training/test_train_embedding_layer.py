"""A trunk gets its last layer: interrupted, the work goes on where it was; sums of another run are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edge_identify.convert.builtin import image_tower as builtin_tower
from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators
from edge_identify.convert.training import train_embedding_layer
from edge_identify.convert.training.layers import discriminants
from edge_identify.convert.training.material.image_batches import KnownThings
from edge_identify.convert.training.train_embedding_layer import EmbeddingLayerRun, give_embedding_layer
from edge_identify.datasets.drawn.instances import SIDE_PX
from edge_identify.edge_runtime.errors import SetupError

THINGS = 24


class _InterruptedError(Exception):
    pass


def _tell_nobody(_what: str, _done: int, _total: int) -> None:
    return


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_embedding_layer, "_BATCH", 12)
    monkeypatch.setattr(train_embedding_layer, "_CHECKPOINT_EVERY_S", 0)
    monkeypatch.setattr(train_embedding_layer, "_WHITENING_THINGS", 12)
    monkeypatch.setattr(discriminants, "_ITERATIONS", 1)
    for module in (builtin_tower, train_embedding_layer):
        monkeypatch.setattr(module, "SIZE_PX", 128)  # a quarter of the time


@pytest.fixture
def trunk() -> dict[str, torch.Tensor]:
    ensure_torchvision_operators()
    torch.manual_seed(0)
    state: dict[str, torch.Tensor] = builtin_tower.TwoMapTrunk().backbone.state_dict()
    return state


@pytest.fixture
def run(tmp_path: Path) -> EmbeddingLayerRun:
    rng = np.random.default_rng(0)
    photographs = [rng.integers(0, 256, (SIDE_PX * 3 // 4, SIDE_PX, 3), dtype=np.uint8) for _ in range(14)]
    known = KnownThings(photographs=photographs, seed=0)
    kept_in = tmp_path / "tower.layer.safetensors"
    return EmbeddingLayerRun(known=known, things=THINGS, seed=0, workers=0, kept_in=kept_in, device=torch.device("cpu"))


def test_the_trunk_stays_and_an_interrupted_fit_goes_on_to_the_same_layer(
    trunk: dict[str, torch.Tensor], run: EmbeddingLayerRun, tmp_path: Path
) -> None:
    whole = give_embedding_layer(trunk, run, progress=_tell_nobody)
    state = whole.backbone.state_dict()
    assert all(bool((state[key] == value).all()) for key, value in trunk.items())
    assert not whole.training

    def interrupt(_what: str, done: int, _total: int) -> None:
        if done == 2:  # the first batch is in the sums on disk, the second is not
            raise _InterruptedError

    cut = replace(run, kept_in=tmp_path / "cut.safetensors")
    with pytest.raises(_InterruptedError):
        give_embedding_layer(trunk, cut, progress=interrupt)
    again: list[int] = []
    tower = give_embedding_layer(trunk, cut, progress=lambda _what, done, _total: again.append(done))
    assert again == [2]
    assert torch.equal(tower.fine.weight, whole.fine.weight)
    assert torch.equal(tower.fine.bias, whole.fine.bias)
    assert torch.equal(tower.coarse.weight, whole.coarse.weight)


def test_sums_of_another_trunk_and_a_file_that_holds_none_are_refused(
    trunk: dict[str, torch.Tensor], run: EmbeddingLayerRun
) -> None:
    run.kept_in.write_bytes(b"no sums")
    with pytest.raises(SetupError, match=r"tower.layer.safetensors: does not hold the sums of a run"):
        give_embedding_layer(trunk, run, progress=_tell_nobody)
    run.kept_in.unlink()
    give_embedding_layer(trunk, run, progress=_tell_nobody)
    other = {**trunk, "bn1.bias": trunk["bn1.bias"] + 1}
    with pytest.raises(SetupError, match=r"tower.layer.safetensors: belongs to a run with .*trunk"):
        give_embedding_layer(other, run, progress=_tell_nobody)
