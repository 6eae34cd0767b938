"""Several packs asked as one: what is shared, and what becomes of a pack that fails while it answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from installed_packs import COLD, WARM, write_named_pack
from PIL import Image

from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
from edge_identify.edge_runtime.cli.inputs.same_thing_photos import answer_together
from edge_identify.edge_runtime.errors import PackDamagedError, PackError, PhotoError, SetupError
from edge_identify.edge_runtime.pack.filters import Filters
from edge_identify.edge_runtime.pack.pack_reader import Pack, open_pack
from edge_identify.edge_runtime.photos.prepared_photos import (
    PhotoForRecipes,
    prepare_for_recipes,
    prepare_photo,
)
from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode
from edge_identify.edge_runtime.search.packs_identifier import PacksIdentifier, Report, open_packs_identifier
from edge_identify.edge_runtime.search.photo_batches import ReadyPhoto, answers_in_batches

SQUASHED = Preprocessing(size_px=8, resize_mode=ResizeMode.SQUASH, interpolation=Interpolation.BICUBIC)


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pack, Pack]:
    folder = tmp_path_factory.mktemp("packs")
    return (
        open_pack(write_named_pack(folder / "cold", "cold", COLD)),
        open_pack(write_named_pack(folder / "warm", "warm", WARM)),
    )


@pytest.fixture
def reported() -> list[str]:
    return []


@pytest.fixture
def identifier(packs: Sequence[Pack], reported: list[str]) -> Iterator[PacksIdentifier]:
    with open_packs_identifier(packs, report=lambda name, error: reported.append(f"{name}: {error}")) as identifier:
        yield identifier


def blue(tmp_path: Path, identifier: PacksIdentifier) -> PhotoForRecipes:
    Image.new("RGB", (20, 12), (0, 0, 250)).save(tmp_path / "blue.png")
    return prepare_for_recipes(tmp_path / "blue.png", identifier.recipes)


def test_the_same_encoder_is_one_object(identifier: PacksIdentifier) -> None:
    cold, warm = identifier.identifiers

    assert cold.encoder is warm.encoder
    assert len(identifier.recipes) == 1


def test_a_pack_that_fails_while_it_answers_is_reported_once_and_left_out(
    identifier: PacksIdentifier, reported: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cold, warm = identifier.identifiers

    def fail(*_: Any, **__: Any) -> list[Identification]:
        raise PackDamagedError("a table is broken")

    monkeypatch.setattr(warm, "identify_embedded", fail)
    photo = blue(tmp_path, identifier)
    assert [identifier.identify_prepared(photo).pack_name for _ in range(2)] == ["cold", "cold"]
    assert reported == ["warm: a table is broken"]

    monkeypatch.setattr(cold, "identify_embedded", fail)
    with pytest.raises(PackError, match="a table is broken"):
        identifier.identify_prepared(photo)


def test_answers_are_compared_with_the_photo_before_one_is_chosen(identifier: PacksIdentifier, tmp_path: Path) -> None:
    asked: list[tuple[object, list[str]]] = []

    def compare(photos: object, answers: Sequence[Identification], _: Report | None = None) -> list[Identification]:
        asked.append((photos, [answer.pack_name for answer in answers]))
        return [replace(answer, verdict=None) if answer.pack_name == "cold" else answer for answer in answers]

    found = identifier.identify_prepared(blue(tmp_path, identifier), compare=compare)

    assert asked == [([tmp_path / "blue.png"], ["cold", "warm"])]
    assert found.pack_name == "warm"


def test_a_pack_that_fails_while_it_is_compared_is_reported_once_and_left_out(
    identifier: PacksIdentifier, reported: list[str], tmp_path: Path
) -> None:
    def compare(_: object, answers: Sequence[Identification], leave_out: Report | None = None) -> list[Identification]:
        assert leave_out is not None
        leave_out("warm", PackDamagedError("a thumbnail is broken"))
        return [answer for answer in answers if answer.pack_name != "warm"]

    photos = [blue(tmp_path, identifier)] * 2
    found = identifier.identify_batch(photos, compare=compare)

    answers = [answer for answer in found if isinstance(answer, Identification)]
    assert [answer.pack_name for answer in answers] == ["cold", "cold"]
    assert reported == ["warm: a thumbnail is broken"]
    assert [one.pack_name for one in identifier.identifiers] == ["cold"]


def test_a_photo_that_vanishes_before_it_is_compared_fails_alone(identifier: PacksIdentifier, tmp_path: Path) -> None:
    gone = PhotoError("blue.png: no such file")
    compared: list[object] = []

    def compare(photos: object, answers: Sequence[Identification], _: object = None) -> list[Identification]:
        compared.append(photos)
        if len(compared) == 1:
            raise gone
        return list(answers)

    photo = blue(tmp_path, identifier)
    failed, answered = identifier.identify_batch([photo, photo], compare=compare)

    assert isinstance(failed, FailedPhoto)
    assert failed.error is gone
    assert isinstance(answered, Identification)
    ready = [ReadyPhoto(path=name, prepared=photo, thumbnail=None) for name in ("first.png", "second.png")]
    compared.clear()
    found = list(answers_in_batches(ready, partial(identifier.identify_batch, compare=compare)))
    assert [(one.question, one.error) for one in found] == [("first.png", gone), ("second.png", None)]
    compared.clear()
    told = list(answer_together(ready, partial(identifier.identify_together, compare=compare)))
    assert [(one.question, one.error) for one in told] == [("first.png", gone)]


def test_filters_leave_out_the_packs_that_do_not_know_them(identifier: PacksIdentifier, tmp_path: Path) -> None:
    with identifier.narrowed(Filters(namespaces=("warm",), labels={})) as narrowed:
        assert narrowed.identify_prepared(blue(tmp_path, narrowed)).pack_name == "warm"
    with pytest.raises(SetupError, match=r"cold: the pack has no namespace 'x'.*warm: the pack has no namespace 'x'"):
        identifier.narrowed(Filters(namespaces=("x",), labels={}))


def test_a_photo_is_prepared_for_each_recipe_as_for_one_alone(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.jpg")
    recipes = [*(replace(SQUASHED, size_px=size) for size in (8, 16, 200)), SQUASHED]  # decoded at three sizes

    found = prepare_for_recipes(tmp_path / "photo.jpg", recipes)

    assert len(found.by_recipe) == 3
    for recipe in recipes:
        alone = prepare_photo(tmp_path / "photo.jpg", recipe)
        assert np.array_equal(found.by_recipe[recipe].pixels, alone.pixels)
    assert found.seconds >= max(prepared.seconds for prepared in found.by_recipe.values())
