"""Each model gets open_clip's tokenizer or none; wrong files are refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_identify.convert.models.model_loading import import_open_clip, load_model
from edge_identify.convert.models.text_tokenizer import find_tokenizer
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.manifest import Cleaning, TokenizerKind
from small_tokenizer import END, PAD, VOCABULARY_SIZE, small_tokenizer_json

pytestmark = pytest.mark.usefixtures("few_photos")

SIGLIP: dict[str, Any] = {
    "context_length": 8,
    "vocab_size": VOCABULARY_SIZE,
    "hf_tokenizer_name": "timm/ViT-B-16-SigLIP",
    "tokenizer_kwargs": {"clean": "canonicalize"},
}


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, so that tests do not depend on files that this machine has fetched."""
    import_open_clip()
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(small_tokenizer_json())
    return path


def test_clip_models_bring_their_merges() -> None:
    tokenizer = find_tokenizer("ViT-B-32", {"vocab_size": 49408}, None)
    assert tokenizer is not None
    assert (tokenizer.spec.kind, tokenizer.spec.context_length) == (TokenizerKind.CLIP_BPE, 77)
    assert tokenizer.encode(["a cat"]).tolist()[0][:4] == [49406, 320, 2368, 49407]


@pytest.mark.parametrize("cleaning", list(Cleaning))
def test_a_clip_model_may_have_another_context_and_cleaning(cleaning: Cleaning) -> None:
    text = {"vocab_size": 49408, "context_length": 5, "tokenizer_kwargs": {"clean": cleaning.value}}
    tokenizer = find_tokenizer("some-model", text, None)
    assert tokenizer is not None
    assert (tokenizer.spec.context_length, tokenizer.spec.cleaning) == (5, cleaning)


def test_siglip_without_a_tokenizer_file_has_no_text_tower() -> None:
    assert find_tokenizer("ViT-B-16-SigLIP", SIGLIP, None) is None


def test_siglip_takes_its_file_its_cleaning_and_its_padding(file: Path) -> None:
    tokenizer = find_tokenizer("ViT-B-16-SigLIP", SIGLIP, file)
    assert tokenizer is not None
    assert (tokenizer.spec.kind, tokenizer.spec.cleaning) == (TokenizerKind.HF_JSON, Cleaning.CANONICALIZE)
    assert tokenizer.spec.file == "encoders/text/tokenizer/tokenizer.json"
    assert (tokenizer.spec.pad_id, tokenizer.data) == (END, small_tokenizer_json())
    assert tokenizer.encode(["Cat!"]).shape == (1, 8)


def test_a_tokenizer_in_the_hubs_cache_is_found(hub: Path) -> None:
    repository = hub / "models--timm--ViT-B-16-SigLIP"
    snapshot = repository / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123")
    (snapshot / "tokenizer.json").write_bytes(small_tokenizer_json())
    (snapshot / "tokenizer_config.json").write_text(json.dumps({"pad_token": "<pad>"}))
    tokenizer = find_tokenizer("ViT-B-16-SigLIP", SIGLIP, None)
    assert tokenizer is not None
    assert tokenizer.spec.pad_id == PAD


@pytest.mark.parametrize(
    ("name", "settings", "padding", "expected"),
    [
        ("mine", {"pad_token": "<pad>"}, None, PAD),
        ("mine", {"pad_token": {"content": "</s>"}}, None, END),
        ("mine", {}, {"pad_id": 7}, 7),
        ("ViT-B-16-SigLIP2", {}, None, 0),
    ],
)
def test_padding_comes_from_the_first_place_that_says_it(
    file: Path, name: str, settings: dict[str, Any], padding: dict[str, Any] | None, expected: int
) -> None:
    file.with_name("tokenizer_config.json").write_text(json.dumps(settings))
    if padding:
        whole = {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": None, "pad_type_id": 0}
        document = json.loads(file.read_bytes()) | {"padding": whole | padding | {"pad_token": "d"}}
        file.write_text(json.dumps(document))
    tokenizer = find_tokenizer(name, SIGLIP, file)
    assert tokenizer is not None
    assert tokenizer.spec.pad_id == expected


def test_padding_that_nobody_states_is_asked_for(file: Path) -> None:
    with pytest.raises(SetupError, match=r"put its tokenizer_config\.json beside it"):
        find_tokenizer("mine", SIGLIP, file)


@pytest.mark.parametrize("change", [{"tokenizer_kwargs": {"strip_sep_token": True}}, {"tokenizer_mode": "clips"}])
def test_what_devices_cannot_do_with_a_text_leaves_the_text_tower_behind(file: Path, change: dict[str, Any]) -> None:
    assert find_tokenizer("mine", SIGLIP | change, None) is None
    with pytest.raises(SetupError, match="devices cannot split the text of mine"):
        find_tokenizer("mine", SIGLIP | change, file)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", small_tokenizer_json()[:-9]])
def test_a_damaged_tokenizer_is_refused_by_name(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(SetupError, match=r"tokenizer\.json: is not a tokenizer\.json") as caught:
        find_tokenizer("ViT-B-16-SigLIP", SIGLIP, file)
    assert "\n" not in str(caught.value)


def test_the_tokenizer_of_another_model_is_refused(file: Path) -> None:
    with pytest.raises(SetupError, match="is not the tokenizer of ViT-B-16-SigLIP: its largest token id is 63"):
        find_tokenizer("ViT-B-16-SigLIP", SIGLIP | {"vocab_size": 63}, file)


def test_a_file_for_a_clip_model_and_a_missing_file_are_refused(tiny_vit: str, file: Path) -> None:
    with pytest.raises(SetupError, match=r"brings CLIP's own tokenizer; leave --tokenizer out"):
        load_model(tiny_vit, "random", tokenizer=file)
    with pytest.raises(SetupError, match=r"absent\.json: no such file"):
        find_tokenizer("ViT-B-16-SigLIP", SIGLIP, file.with_name("absent.json"))


def test_a_pack_built_with_a_tokenizer_file_is_searched_by_text(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    from edge_identify.convert.cli.main import main
    from edge_identify.edge_runtime.pack.pack_reader import open_pack
    from edge_identify.edge_runtime.search.text_searcher import TextSearcher

    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    for shade in (40, 120, 200):
        Image.new("RGB", (40, 40), (shade, 255 - shade, 90)).save(tmp_path / "pictures" / f"{shade}.png")
    file.with_name("tokenizer_config.json").write_text(json.dumps({"pad_token": "</s>"}))
    vision = {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16}
    text = SIGLIP | {"width": 32, "heads": 2, "layers": 1}
    model = {"embed_dim": 24, "custom_text": True, "vision_cfg": vision, "text_cfg": text}
    (tmp_path / "edge-test-siglip.json").write_text(json.dumps(model))
    build = "pack --catalogue c --name tiny --model-config edge-test-siglip.json --pretrained random"
    assert main(["add", "images:pictures", "--catalogue", "c"]) == 0
    assert main([*build.split(), "--variants", "onnx-fp32", "--tokenizer", str(file), "--out", "tiny-pack"]) == 0
    with TextSearcher(open_pack(tmp_path / "tiny-pack")) as searcher:
        assert len(searcher.search("A cat!").matches) == 3
