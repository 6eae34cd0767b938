"""The shipped files are small, complete, and come back as they were saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge_identify.convert.builtin import (
    IMAGE_WEIGHTS,
    TEXT_WEIGHTS,
    load_image_weights,
    load_text_weights,
    save_image_weights,
    save_text_weights,
)
from edge_identify.convert.builtin.shipped_weights import read_image_state
from edge_identify.convert.models.model_loading import load_model

if TYPE_CHECKING:
    from torch import nn

MAX_REPOSITORY_BYTES = 24_000_000
EMBEDDING = "text.token_embedding.weight"
END_OF_TEXT = 49407


@pytest.fixture(scope="module")
def shipped() -> nn.Module:
    return load_model("builtin").model


@pytest.fixture
def blank() -> nn.Module:
    return load_model("builtin", "random").model


def test_both_files_together_stay_within_the_size_a_repository_bears() -> None:
    files = list(IMAGE_WEIGHTS.parent.glob("*.safetensors"))
    assert len(files) == 2
    assert sum(file.stat().st_size for file in files) <= MAX_REPOSITORY_BYTES
    assert max(file.stat().st_size for file in files) <= 12 * 2**20


def test_only_tokens_seen_in_training_have_an_embedding(shipped: nn.Module) -> None:
    known = shipped.state_dict()[EMBEDDING].any(dim=1)
    assert known[END_OF_TEXT]
    assert 1000 < int(known.sum()) < 2000


def test_saving_the_shipped_weights_gives_the_shipped_files(shipped: nn.Module, tmp_path: Path) -> None:
    seen = shipped.state_dict()[EMBEDDING].any(dim=1).nonzero().flatten().tolist()
    save_image_weights(shipped, tmp_path / "image")
    save_text_weights(shipped, tmp_path / "text", seen_ids=seen)
    saved, shipped_state = read_image_state(tmp_path / "image"), read_image_state(IMAGE_WEIGHTS)
    assert saved.keys() == shipped_state.keys()
    assert all(bool((saved[key] == shipped_state[key]).all()) for key in saved)
    assert (tmp_path / "text").read_bytes() == TEXT_WEIGHTS.read_bytes()


def test_each_file_fills_its_tower_and_leaves_the_other_alone(blank: nn.Module) -> None:
    def towers() -> tuple[bytes, bytes]:
        state = blank.state_dict()
        image = state["visual.trunk.fine.bias"].numpy().tobytes()
        return image, state["text.text_projection"].numpy().tobytes()

    image_before, text_before = towers()
    load_image_weights(blank)
    image_after, text_after = towers()
    assert image_after != image_before
    assert text_after == text_before
    load_text_weights(blank)
    assert towers()[0] == image_after
    assert towers()[1] != text_before


def test_a_file_with_a_tensor_missing_is_refused(blank: nn.Module, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(IMAGE_WEIGHTS)
    state["visual.trunk.backbone.bn1.bais"] = state.pop("visual.trunk.backbone.bn1.bias")
    save_file(state, tmp_path / "w")
    with pytest.raises(RuntimeError, match=r"bn1\.bais"):
        load_image_weights(blank, tmp_path / "w")
