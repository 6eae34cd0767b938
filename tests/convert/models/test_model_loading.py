"""Models load completely or are refused in one line, without messages and without executing code from a checkpoint."""

from __future__ import annotations

import logging
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_identify.convert.models.model_loading import LoadedModel, load_model
from edge_identify.convert.models.model_preprocessing import read_preprocessing
from edge_identify.edge_runtime.errors import NetworkError, SetupError
from edge_identify.edge_runtime.pack.manifest import TokenizerKind
from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode

SQUARE = {"size": (32, 32), "resize_mode": "shortest", "interpolation": "bicubic"}


@pytest.fixture(scope="module")
def builtin() -> LoadedModel:
    return load_model("builtin")


def _save(model: Any, path: Path) -> Path:
    import torch
    from safetensors.torch import save_file

    if path.suffix == ".safetensors":
        save_file(model.state_dict(), path)
    else:
        torch.save({"state_dict": model.state_dict()}, path)
    return path


def test_the_shipped_model_loads_and_describes_itself(builtin: LoadedModel) -> None:
    assert (builtin.name, builtin.pretrained, builtin.licence) == ("builtin", "v5", "Apache-2.0")
    assert (builtin.dim, builtin.context_length) == (768, 32)
    assert builtin.tokenizer is not None
    assert builtin.tokenizer.spec.kind is TokenizerKind.CLIP_BPE
    assert builtin.preprocessing == Preprocessing(
        size_px=160, resize_mode=ResizeMode.SHORTEST_SIDE, interpolation=Interpolation.BICUBIC
    )
    assert len(builtin.space_id) == 64


def test_a_model_is_float32_in_evaluation_mode_without_gradients(builtin: LoadedModel) -> None:
    import torch

    assert not builtin.model.training
    assert {parameter.dtype for parameter in builtin.model.parameters()} == {torch.float32}
    assert not any(parameter.requires_grad for parameter in builtin.model.parameters())


def test_random_weights_are_the_same_each_time_and_leave_the_global_generator_alone(tiny_vit: str) -> None:
    import torch

    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = load_model(tiny_vit, "random")
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(6)
    second = load_model(tiny_vit, "random")
    assert first.pretrained == "random"
    assert first.space_id == second.space_id


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_a_checkpoint_gives_back_what_was_saved(tiny_vit: str, tmp_path: Path, ending: str) -> None:
    original = load_model(tiny_vit, "random")
    original.model.logit_scale.fill_(1.0)  # type: ignore[operator]
    loaded = load_model(tiny_vit, str(_save(original.model, tmp_path / f"mine.{ending}")))
    assert loaded.pretrained == f"mine.{ending}"
    for key, value in original.model.state_dict().items():
        assert (loaded.model.state_dict()[key] == value).all(), key


def test_the_space_id_changes_with_any_weight(tiny_vit: str, tmp_path: Path) -> None:
    original = load_model(tiny_vit, "random")
    same = load_model(tiny_vit, str(_save(original.model, tmp_path / "same.safetensors")))
    original.model.logit_scale.fill_(1.0)  # type: ignore[operator]
    other = load_model(tiny_vit, str(_save(original.model, tmp_path / "other.safetensors")))
    assert same.space_id == original.space_id != other.space_id


def test_a_checkpoint_of_another_model_is_refused_in_one_line(tiny_vit: str, tiny_resnet: str, tmp_path: Path) -> None:
    path = _save(load_model(tiny_resnet, "random").model, tmp_path / "resnet.safetensors")
    with pytest.raises(SetupError, match="is not a checkpoint of edge-test-vit") as caught:
        load_model(tiny_vit, str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["broken.safetensors", "broken.pt"])
@pytest.mark.parametrize("kept_share", [0.0, 0.5])
def test_a_damaged_checkpoint_is_refused(tiny_vit: str, tmp_path: Path, name: str, kept_share: float) -> None:
    path = _save(load_model(tiny_vit, "random").model, tmp_path / name)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept_share)])
    with pytest.raises(SetupError, match="cannot be read as a checkpoint; it may be damaged") as caught:
        load_model(tiny_vit, str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop("ln_final.bias"), r"1 missing: ln_final\.bias\)"),
        (lambda weights: weights.update(extra=weights["ln_final.bias"]), r"1 unexpected: extra\)"),
        (lambda weights: weights.update({"x" * 9_000: weights["ln_final.bias"]}), r"1 unexpected: x{77}\.\.\.\)"),
        (
            lambda weights: weights.update({"ln_final.bias": weights["ln_final.bias"][:5]}),
            r"1 of another shape: ln_final\.bias \[5\] instead of \[32\]\)",
        ),
        (lambda weights: [weights.pop(key) for key in list(weights)[5:]], r"missing: \S+, \S+, \S+ and \d+ more\)"),
    ],
    ids=["missing", "unexpected", "long", "shape", "many"],
)
def test_the_keys_that_do_not_fit_are_named(
    tiny_vit: str, tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    from safetensors.torch import save_file

    weights = dict(load_model(tiny_vit, "random").model.state_dict())
    change(weights)
    save_file({key: value.clone() for key, value in weights.items()}, tmp_path / "mine.safetensors")
    with pytest.raises(SetupError, match=message) as caught:
        load_model(tiny_vit, str(tmp_path / "mine.safetensors"))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", ["notes.safetensors", "notes.pt", "other.zip", "other.pt"])
def test_a_text_or_a_zip_is_no_checkpoint(tiny_vit: str, tmp_path: Path, name: str) -> None:
    if name.startswith("notes"):
        (tmp_path / name).write_text("these are my notes\n" * 20)
    else:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("readme.txt", "nothing")
    with pytest.raises(SetupError, match=f"{name}: cannot be read as a checkpoint") as caught:
        load_model(tiny_vit, str(tmp_path / name))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickled_module_is_refused_with_how_to_save_it(tiny_vit: str, tmp_path: Path, protocol: int) -> None:
    import torch

    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt", pickle_protocol=protocol)
    with pytest.raises(SetupError, match=r"running code that it holds, which is refused; .*state_dict\(\)"):
        load_model(tiny_vit, str(tmp_path / "module.pt"))


class _Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("sprung"),))


def test_a_checkpoint_cannot_run_code(tiny_vit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.pt").write_bytes(pickle.dumps(_Trap(), protocol=2))
    with pytest.raises(SetupError, match="cannot be read as a checkpoint"):
        load_model(tiny_vit, "evil.pt")
    assert not (tmp_path / "sprung").exists()


def test_published_weights_bring_their_activation_and_their_preprocessing(
    tiny_vit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import open_clip
    from huggingface_hub import constants

    checkpoint = _save(load_model(tiny_vit, "random").model, tmp_path / "published.safetensors")
    published = {
        "file": str(checkpoint),
        "mean": (0.5, 0.5, 0.5),
        "std": (0.25, 0.25, 0.25),
        "interpolation": "bilinear",
        "resize_mode": "squash",
        "quick_gelu": True,
    }
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, tiny_vit, {"acme": published})
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    loaded = load_model(f"{tiny_vit}/acme")
    activations = {type(module).__name__ for module in loaded.model.modules()}
    assert "QuickGELU" in activations
    assert "GELU" not in activations
    assert (loaded.pretrained, loaded.mean, loaded.std) == ("acme", (0.5,) * 3, (0.25,) * 3)
    assert loaded.preprocessing.resize_mode is ResizeMode.SQUASH
    assert loaded.preprocessing.interpolation is Interpolation.BILINEAR


def test_a_local_file_takes_the_preprocessing_that_all_published_weights_of_its_model_share() -> None:
    from edge_identify.convert.models.model_loading import _recipe
    from edge_identify.convert.models.model_names import ModelChoice

    siglip = _recipe(ModelChoice(name="ViT-B-16-SigLIP", checkpoint=Path("mine.safetensors")))
    assert (siglip["mean"], siglip["resize_mode"]) == ((0.5, 0.5, 0.5), "squash")
    assert _recipe(ModelChoice(name="ViT-L-14", checkpoint=Path("mine.safetensors"))) == {}  # they disagree


def test_a_hub_that_cannot_be_reached_is_reported_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(NetworkError, match=r"--pretrained FILE.*--model builtin") as caught:
        load_model("ViT-B-32/laion2b_s34b_b79k")
    assert caught.value.__cause__ is not None
    assert not constants.HF_HUB_OFFLINE
    assert capfd.readouterr() == ("", "")


def test_loading_says_nothing_and_leaves_the_root_logger_as_it_was(
    tiny_vit: str, capfd: pytest.CaptureFixture[str]
) -> None:
    handlers, filters = list(logging.getLogger().handlers), list(logging.getLogger().filters)
    load_model(tiny_vit, "random")
    assert (logging.getLogger().handlers, logging.getLogger().filters) == (handlers, filters)
    assert capfd.readouterr() == ("", "")


def test_a_text_tower_that_open_clip_borrows_is_refused() -> None:
    with pytest.raises(SetupError, match="not open_clip's own"):
        load_model("roberta-ViT-B-32", "random")


def test_without_open_clip_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(SetupError, match=r"pip install 'edge-identify\[convert\]'"):
        load_model("builtin")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": (32, 48)}, "only squares"),
        ({"size": 4096}, "only squares up to 1024"),
        ({"resize_mode": "longest"}, "resizes by `longest`"),
        ({"interpolation": "random"}, "resamples by `random`"),
    ],
)
def test_preprocessing_that_no_device_knows_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        read_preprocessing("some-model", SQUARE | change)


def test_the_size_may_be_one_number_or_two() -> None:
    assert read_preprocessing("m", SQUARE) == read_preprocessing("m", SQUARE | {"size": 32})
