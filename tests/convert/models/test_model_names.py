"""Errors for wrong names and tags list the valid ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators
from edge_identify.convert.models.model_names import ModelChoice, choose_model
from edge_identify.edge_runtime.errors import SetupError


@pytest.fixture(autouse=True)
def open_clip_imports() -> None:
    ensure_torchvision_operators()
    from edge_identify.convert.builtin import register

    register()


@pytest.mark.parametrize(
    ("model", "pretrained", "expected"),
    [
        ("builtin", None, ModelChoice(name="edge-builtin")),
        ("edge-builtin", None, ModelChoice(name="edge-builtin")),
        ("builtin", "random", ModelChoice(name="edge-builtin", is_random=True)),
        ("ViT-B-32/laion2b_s34b_b79k", None, ModelChoice(name="ViT-B-32", tag="laion2b_s34b_b79k")),
        ("ViT-B-32", "laion2b_s34b_b79k", ModelChoice(name="ViT-B-32", tag="laion2b_s34b_b79k")),
        ("ViT-B/32", "random", ModelChoice(name="ViT-B-32", is_random=True)),
        ("ViT-B/32/openai", None, ModelChoice(name="ViT-B-32", tag="openai")),
    ],
)
def test_what_people_write_is_understood(model: str, pretrained: str | None, expected: ModelChoice) -> None:
    assert choose_model(model, pretrained) == expected


def test_only_the_built_in_model_without_further_words_has_shipped_weights() -> None:
    assert choose_model("builtin", None).is_shipped
    assert not choose_model("builtin", "random").is_shipped
    assert not choose_model("ViT-B-32/openai", None).is_shipped


def test_the_tag_of_another_model_is_answered_with_the_nearest_and_all_valid_ones() -> None:
    with pytest.raises(SetupError, match="did you mean ViT-L-14/laion2b_s32b_b82k") as caught:
        choose_model("ViT-L-14/laion2b_s34b_b79k", None)
    assert "datacomp_xl_s13b_b90k" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_misspelt_name_is_answered_with_the_nearest_whatever_its_case() -> None:
    with pytest.raises(SetupError, match="the nearest are ViT-B-32, "):
        choose_model("vit-b-32/openai", None)


def test_a_misspelt_builtin_is_answered_with_its_own_name() -> None:
    with pytest.raises(SetupError, match="the nearest are builtin, "):
        choose_model("builtim", None)


def test_a_model_without_weights_is_asked_for_them() -> None:
    with pytest.raises(SetupError, match=r"RN50: which weights\?.*yfcc15m.*--pretrained FILE"):
        choose_model("RN50", None)


def test_weights_named_twice_are_refused() -> None:
    with pytest.raises(SetupError, match="named twice"):
        choose_model("RN50/openai", "yfcc15m")


def test_a_model_that_has_no_published_weights_says_so() -> None:
    with pytest.raises(SetupError, match="no weights are published"):
        choose_model("builtin/openai", None)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"absent\.safetensors: no such checkpoint file"):
        choose_model("RN50", str(tmp_path / "absent.safetensors"))


def test_a_file_is_a_checkpoint_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "weights").touch()
    assert choose_model("RN50", str(tmp_path / "weights")).checkpoint == tmp_path / "weights"
