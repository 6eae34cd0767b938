"""A few steps on plain colours teach the tower their names, the same way each time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from edge_identify.convert.builtin.shipped_weights import TEXT_VOCABULARY
from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators
from edge_identify.convert.models.model_loading import LoadedModel, load_model
from edge_identify.convert.training import train_text_tower as text_tower
from edge_identify.convert.training.encoded_texts import encode_texts, tokenizer_of
from edge_identify.convert.training.imagenet_classifier import ImagenetClassifier
from edge_identify.convert.training.train_text_tower import TextTowerReport, TextTowerRun, train_text_tower
from edge_identify.edge_runtime.errors import SetupError

STEPS = 12
COLOURS = {"hat": (200, 30, 30), "sea": (20, 60, 200)}


def _tell_nobody(_what: str, _done: int, _total: int) -> None:
    return


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coloured")
    rows = []
    for number in range(96):
        label = list(COLOURS)[number // 3 % 2]  # not in step with the split
        colour = tuple(value + number // 4 for value in COLOURS[label])
        Image.new("RGB", (32, 32), colour).save(folder / f"{number}.png")
        rows.append(json.dumps({"image": f"{number}.png", "source": "clothing", "label": label}))
    (folder / "labels.jsonl").write_text("\n".join(rows))
    return folder


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("classifier") / "timm.safetensors"
    save_file(ImagenetClassifier().state_dict(), path)
    return path


@pytest.fixture(scope="module")
def run(coloured: Path, classifier: Path, tmp_path_factory: pytest.TempPathFactory) -> TextTowerRun:
    out = tmp_path_factory.mktemp("trained") / "tower.safetensors"
    return TextTowerRun(data=coloured, classifier=classifier, out=out, steps=STEPS)


@pytest.fixture(scope="module")
def trained(run: TextTowerRun) -> TextTowerReport:
    with pytest.MonkeyPatch.context() as patch:
        _make_quick(patch)
        return train_text_tower(run, progress=_tell_nobody)


@pytest.fixture(scope="module")
def shipped() -> LoadedModel:
    return load_model("builtin")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    _make_quick(monkeypatch)


def _make_quick(patch: pytest.MonkeyPatch) -> None:
    for name, count in (("_PHOTOGRAPHS", 16), ("_DRAWN", 6), ("_CAPTIONS", 4), ("_CLASSES", 3)):
        patch.setattr(text_tower, name, count)
    names = (("banana",), ("orange",), ("lemon",), ("apple", "fruit"), *((),) * 996)
    patch.setattr(text_tower, "read_class_names", lambda _tokenizer: names)
    patch.setattr(text_tower, "_DRAWINGS", 8)
    patch.setattr(text_tower, "_HELD_OUT_DRAWINGS", 8)


def test_training_names_images_that_were_held_out_and_lists_its_words(
    run: TextTowerRun, trained: TextTowerReport
) -> None:
    assert (trained.training_pictures, trained.held_out_pictures, trained.labels) == (45, 6, ("hat", "sea"))
    assert trained.marks.top1 == trained.marks.top5 == 1.0
    assert trained.marks.majority < 1.0
    assert trained.classes == 4
    words = run.vocabulary.read_text().splitlines()
    assert words == sorted(words)
    assert len(words) == trained.words
    assert {"hat", "sea", "photo", "banana"} <= set(words)


def test_training_repeats_itself_tells_how_far_it_is_and_restores_the_threads(
    run: TextTowerRun, trained: TextTowerReport, tmp_path: Path
) -> None:
    import torch

    told: list[tuple[str, int, int]] = []
    threads = torch.get_num_threads()
    again = replace(run, out=tmp_path / "again.safetensors")
    assert train_text_tower(again, progress=lambda *state: told.append(state)) == trained
    assert again.out.read_bytes() == run.out.read_bytes()
    assert ("training the text tower", STEPS, STEPS) in told
    assert torch.get_num_threads() == threads


def test_a_file_without_a_classifier_is_refused(run: TextTowerRun, tmp_path: Path) -> None:
    ensure_torchvision_operators()
    import torch
    from safetensors.torch import save_file

    save_file({"classifier.weight": torch.zeros(10, 1280)}, tmp_path / "ten.safetensors")
    with pytest.raises(SetupError, match=r"ten.safetensors: has no classifier of ImageNet's 1000 classes"):
        train_text_tower(replace(run, classifier=tmp_path / "ten.safetensors"), progress=_tell_nobody)


def test_the_shipped_tower_tells_a_cat_from_a_street_and_knows_classes_and_colours(shipped: LoadedModel) -> None:
    import torch

    texts = ["a photo of a cat", "a picture of a cat", "a photo of a street"]
    tokenizer = tokenizer_of(shipped)
    with torch.no_grad():
        cat, other_cat, street = encode_texts(shipped, texts, tokenizer)
        red, blue = encode_texts(shipped, ["a red mosaic", "a blue mosaic"], tokenizer)
    assert cat @ other_cat > cat @ street + 0.2
    assert red @ blue < 0.9


def test_texts_are_encoded_as_open_clip_does(shipped: LoadedModel) -> None:
    import torch

    tokenizer = tokenizer_of(shipped)
    texts = ["cat", "one long-sleeve shirt in a photo"]
    with torch.no_grad():
        found = encode_texts(shipped, texts, tokenizer)
        expected = shipped.model.encode_text(tokenizer(texts), normalize=True)  # type: ignore[operator]
    assert torch.allclose(found, expected, atol=1e-5)


def test_the_shipped_list_of_words_is_what_the_shipped_tower_knows(shipped: LoadedModel) -> None:
    tokenizer = tokenizer_of(shipped)
    rows = shipped.model.state_dict()["text.token_embedding.weight"].any(dim=1)
    ends = (tokenizer.decoder[token].removesuffix("</w>") for token in rows.nonzero().flatten().tolist())
    assert sorted(word for word in ends if word.isalnum()) == TEXT_VOCABULARY.read_text().splitlines()
