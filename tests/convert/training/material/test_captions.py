"""Labelled images are read with their split, and a wrong listing is refused by line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_identify.convert.training.material.captions import (
    HELD_OUT_FIRST,
    captions_of,
    read_labelled_pictures,
    words_for,
)
from edge_identify.edge_runtime.errors import SetupError


def _row(label: str, source: str = "clothing") -> str:
    return json.dumps({"image": f"{label}.webp", "source": source, "label": label, "caption": ""})


def _write(folder: Path, rows: list[str]) -> None:
    (folder / "labels.jsonl").write_text("\n".join(rows))


def test_every_sixteenth_image_is_held_out(tmp_path: Path) -> None:
    _write(tmp_path, [_row("hat")] * 48)
    held_out = [place for place, p in enumerate(read_labelled_pictures(tmp_path)) if p.is_held_out]
    assert held_out == [HELD_OUT_FIRST, HELD_OUT_FIRST + 16, HELD_OUT_FIRST + 32]


def test_rare_labels_empty_labels_and_other_sources_are_left_out(tmp_path: Path) -> None:
    rows = [_row("hat")] * 48 + [_row("sock")] * 5 + [_row("")] * 50 + [_row("milk", "grocery_train")] * 50
    _write(tmp_path, rows)
    assert {image.label for image in read_labelled_pictures(tmp_path)} == {"hat"}


def test_a_folder_without_a_listing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"labels\.jsonl: cannot be read.*training folder"):
        read_labelled_pictures(tmp_path)


@pytest.mark.parametrize("line", ["not json", "[]", '{"image": "a.webp", "source": "clothing"}'])
def test_a_line_that_is_not_as_expected_is_named(tmp_path: Path, line: str) -> None:
    _write(tmp_path, [_row("hat"), line])
    with pytest.raises(SetupError, match="line 2"):
        read_labelled_pictures(tmp_path)


def test_too_few_images_are_refused(tmp_path: Path) -> None:
    _write(tmp_path, [_row("hat")] * 20)
    with pytest.raises(SetupError, match="too few pictures"):
        read_labelled_pictures(tmp_path)


def test_a_label_is_named_by_all_its_words_in_all_templates() -> None:
    assert words_for("outwear")[0] == "jacket"
    assert words_for("lobster") == ("lobster",)
    assert {"a photo of a jacket", "a photo of a coat", "coat"} <= set(captions_of("outwear"))
