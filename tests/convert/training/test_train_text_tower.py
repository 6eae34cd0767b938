"""A few steps on plain colours teach the tower their names, the same way each time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from edge_identify.convert.models.model_loading import load_model
from edge_identify.convert.training.train_text_tower import TextTowerReport, train_text_tower

STEPS = 12
COLOURS = {"hat": (200, 30, 30), "sea": (20, 60, 200)}


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
def trained(coloured: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TextTowerReport]:
    out = tmp_path_factory.mktemp("trained") / "tower"
    return out, train_text_tower(coloured, out, steps=STEPS)


def test_training_names_images_that_were_held_out(trained: tuple[Path, TextTowerReport]) -> None:
    _, report = trained
    assert (report.training_pictures, report.held_out_pictures, report.labels) == (90, 6, ("hat", "sea"))
    assert report.top1 == report.top5 == 1.0
    assert report.majority < 1.0


def test_training_repeats_itself_tells_how_far_it_is_and_restores_the_threads(
    coloured: Path, trained: tuple[Path, TextTowerReport], tmp_path: Path
) -> None:
    import torch

    told: list[tuple[str, int, int]] = []
    threads = torch.get_num_threads()
    again = train_text_tower(coloured, tmp_path / "again", steps=STEPS, progress=lambda *state: told.append(state))
    assert again == trained[1]
    assert (tmp_path / "again").read_bytes() == trained[0].read_bytes()
    assert told[-1] == ("training the text tower", STEPS, STEPS)
    assert torch.get_num_threads() == threads


def test_another_seed_gives_another_tower(
    coloured: Path, trained: tuple[Path, TextTowerReport], tmp_path: Path
) -> None:
    train_text_tower(coloured, tmp_path / "other", steps=STEPS, seed=1)
    assert (tmp_path / "other").read_bytes() != trained[0].read_bytes()


def test_the_shipped_tower_tells_a_cat_from_a_street() -> None:
    import open_clip
    import torch

    loaded = load_model("builtin")
    tokens = open_clip.SimpleTokenizer(context_length=loaded.context_length)(
        ["a photo of a cat", "a picture of a cat", "a photo of a street"]
    )
    with torch.no_grad():
        cat, other_cat, street = loaded.model.encode_text(tokens, normalize=True)  # type: ignore[operator]
    assert cat @ other_cat > cat @ street + 0.2
