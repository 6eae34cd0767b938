"""A custom configuration is built by the name of its file, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_identify.convert.models.custom_models import MAX_CONFIGURATION_BYTES, register_custom_model
from edge_identify.convert.models.model_loading import import_open_clip, load_model
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.photos.preprocessing import ResizeMode

TINY: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(autouse=True)
def forgotten_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    import_open_clip()
    import open_clip

    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIGS", dict(open_clip.factory._MODEL_CONFIGS))
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIG_PATHS", list(open_clip.factory._MODEL_CONFIG_PATHS))


def _write(path: Path, configuration: object) -> Path:
    path.write_text(json.dumps(configuration))
    return path


def test_it_is_built_with_random_weights_and_described(tmp_path: Path) -> None:
    loaded = load_model("builtin", "random", model_config=_write(tmp_path / "mine.json", TINY))
    assert (loaded.name, loaded.pretrained, loaded.dim, loaded.context_length) == ("mine", "random", 24, 12)
    assert loaded.preprocessing.size_px == 32


def test_it_is_filled_from_a_checkpoint(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    configuration = _write(tmp_path / "mine.json", TINY)
    original = load_model("builtin", "random", model_config=configuration)
    original.model.logit_scale.fill_(1.0)  # type: ignore[operator]
    save_file(original.model.state_dict(), tmp_path / "mine.safetensors")
    loaded = load_model("builtin", str(tmp_path / "mine.safetensors"), model_config=configuration)
    assert float(loaded.model.logit_scale) == 1.0  # type: ignore[arg-type]
    assert loaded.pretrained == "mine.safetensors"


def test_a_published_open_clip_config_brings_its_preprocessing(tmp_path: Path) -> None:
    recipe = {"mean": [0.5] * 3, "std": [0.25] * 3, "resize_mode": "squash", "interpolation": "bicubic"}
    path = _write(tmp_path / "open_clip_config.json", {"model_cfg": TINY, "preprocess_cfg": recipe})
    loaded = load_model("builtin", "random", model_config=path)
    assert (loaded.mean, loaded.std) == ((0.5,) * 3, (0.25,) * 3)
    assert loaded.preprocessing.resize_mode is ResizeMode.SQUASH


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not valid JSON"),
        ("[1]", "expected a JSON object, found list"),
        ("{}", "`embed_dim` is missing"),
        (json.dumps(TINY | {"embed_dim": True}), "`embed_dim` is missing or not of type int"),
        (json.dumps(TINY | {"text_cfg": 5}), "`text_cfg` is missing or not of type dict"),
        (json.dumps({"model_cfg": 3}), "`embed_dim` is missing"),
        (" " * (MAX_CONFIGURATION_BYTES + 1), "is it the checkpoint?"),
    ],
)
def test_what_is_no_configuration_is_refused_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(SetupError, match=message.replace("?", r"\?")) as caught:
        register_custom_model(tmp_path / "bad.json")
    assert "bad.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"vision_cfg": {"image_size": 32, "depth": 3}},
        {"vision_cfg": {"timm_model_name": "no_such_net", "image_size": 32}},
        {"vision_cfg": {"timm_model_name": "vit_tiny_patch16_224", "timm_pool": "token", "image_size": 32}},
        {"text_cfg": TINY["text_cfg"] | {"heads": 7}},
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused_in_one_line(tmp_path: Path, change: dict[str, Any]) -> None:
    path = _write(tmp_path / "misfit.json", TINY | change)
    with pytest.raises(SetupError, match="misfit: open_clip cannot build this model") as caught:
        load_model("builtin", "random", model_config=path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("vision", "message"),
    [
        ({"image_size": 0}, "`image_size` of vision_cfg is 0; it takes one whole number, 1 to 1024"),
        ({"image_size": -32}, "`image_size` of vision_cfg is -32"),
        ({"image_size": "32"}, "`image_size` of vision_cfg is '32'"),
        ({"image_size": 32.5}, "`image_size` of vision_cfg is 32.5"),
        ({"image_size": [32, 48]}, r"`image_size` of vision_cfg is \[32, 48\]; .*square"),
        ({"image_size": 2048}, "`image_size` of vision_cfg is 2048"),
        ({"image_size": 8}, "`patch_size` of vision_cfg is 16; it takes a whole number, 1 to its image_size, 8"),
        ({"patch_size": 0}, "`patch_size` of vision_cfg is 0"),
    ],
)
def test_an_image_size_that_cannot_be_is_refused(tmp_path: Path, vision: dict[str, Any], message: str) -> None:
    path = _write(tmp_path / "sizes.json", TINY | {"vision_cfg": TINY["vision_cfg"] | vision})
    with pytest.raises(SetupError, match=message):
        load_model("builtin", "random", model_config=path)


def test_a_net_that_takes_another_image_size_than_its_configuration_says_names_both(tmp_path: Path) -> None:
    timm = {"timm_model_name": "vit_tiny_patch16_224", "timm_pool": "token", "image_size": 32}
    path = _write(tmp_path / "timm.json", TINY | {"vision_cfg": timm})
    with pytest.raises(SetupError, match=r"timm: open_clip cannot build .*32.*224"):
        load_model("builtin", "random", model_config=path)


def test_a_checkpoint_that_does_not_fit_is_named(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    wide = load_model("builtin", "random", model_config=_write(tmp_path / "wide.json", TINY | {"embed_dim": 32}))
    save_file(wide.model.state_dict(), tmp_path / "wide.safetensors")
    with pytest.raises(SetupError, match=r"wide\.safetensors: is not a checkpoint of narrow"):
        load_model("builtin", str(tmp_path / "wide.safetensors"), model_config=_write(tmp_path / "narrow.json", TINY))


def test_a_missing_file_a_taken_name_a_second_name_and_no_weights_are_each_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"absent\.json: no such file"):
        load_model("builtin", "random", model_config=tmp_path / "absent.json")
    with pytest.raises(SetupError, match="already has another model named ViT-B-32; rename the file"):
        load_model("builtin", "random", model_config=_write(tmp_path / "ViT-B-32.json", TINY))
    mine = _write(tmp_path / "mine.json", TINY)
    with pytest.raises(SetupError, match="named twice"):
        load_model("ViT-B-32", "random", model_config=mine)
    with pytest.raises(SetupError, match="which weights"):
        load_model("builtin", model_config=mine)
    with pytest.raises(SetupError, match=r"gone\.pt: no such checkpoint"):
        load_model("builtin", str(tmp_path / "gone.pt"), model_config=mine)
