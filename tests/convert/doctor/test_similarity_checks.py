"""Similarity checks on vectors with known similarities, with the search of packs."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edge_identify.convert.doctor import similarity_checks
from edge_identify.convert.doctor.examination import ExactSearch
from edge_identify.convert.doctor.findings import Case, Severity
from edge_identify.convert.doctor.similarity_checks import (
    IndexedImage,
    Neighbour,
    drawn_images,
    find_neighbours,
    measure_sameness,
    near_duplicate_finding,
    other_label_findings,
    same_image_finding,
)
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.photos.preprocessing import Interpolation, Preprocessing, ResizeMode

RECIPE = Preprocessing(size_px=32, resize_mode=ResizeMode.SHORTEST_SIDE, interpolation=Interpolation.BICUBIC)


def images_of(*reference_ids: str) -> list[IndexedImage]:
    return [IndexedImage(index_id=10 + at, reference_id=name, sha256=str(at)) for at, name in enumerate(reference_ids)]


def neighbours_of(images: list[IndexedImage], angles_deg: list[float]) -> list[list[Neighbour]]:
    radians = np.radians(angles_deg)
    vectors = np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)
    search = ExactSearch(vectors, [image.index_id for image in images])
    return list(find_neighbours(images, lambda rows: vectors[rows], search))


def test_the_neighbours_of_an_image_are_other_references_each_once_and_nearest_first() -> None:
    near = neighbours_of(images_of("a", "a", "b", "b", "c"), [0, 1, 10, 12, 40])

    assert [each.other_id for each in near[0]] == ["b", "c"]
    assert near[0][0].similarity == pytest.approx(np.cos(np.radians(10)), abs=1e-6)
    assert [each.other_id for each in near[4]] == ["b", "a"]


def test_pairs_at_or_above_the_similarity_are_near_duplicates_each_once() -> None:
    near = neighbours_of(images_of("b", "a", "c"), [0, 5, 30])

    found = near_duplicate_finding(near, 0.99, None)

    assert found is not None
    assert found.cases == (Case(ids=("a", "b"), detail="similarity 0.996"),)
    assert near_duplicate_finding(near, 0.999, None) is None


def test_one_image_under_two_ids_is_told_once_and_not_as_a_near_duplicate_too() -> None:
    images = [
        IndexedImage(index_id=1, reference_id="a", sha256="x"),
        IndexedImage(index_id=2, reference_id="b", sha256="x"),
        IndexedImage(index_id=3, reference_id="b", sha256="y"),
    ]

    same = same_image_finding(images)

    assert same is not None
    assert same.cases == (Case(ids=("a", "b")),)
    assert near_duplicate_finding(neighbours_of(images, [0, 0, 50]), 0.99, same) is None
    assert same_image_finding(images[1:]) is None


def test_a_reference_among_those_of_another_label_is_found_and_labels_of_their_own_are_not() -> None:
    near = neighbours_of(images_of("a", "b", "odd", "c", "d"), [0, 5, 9, 60, 64])

    def kinds(labels: dict[str, str], namespaces: dict[str, str]) -> dict[str, tuple[Case, ...]]:
        references = {
            name: Reference(
                id=name, name=name, namespace=namespaces.get(name, ""), labels={"label": labels.get(name, "")}
            )
            for name in ("a", "b", "odd", "c", "d")
        }
        return {each.kind: each.cases for each in other_label_findings(near, references) if each}

    cats_and_dogs = {"a": "cat", "b": "cat", "odd": "dog", "c": "dog", "d": "dog"}
    (cases,) = kinds(cats_and_dogs, {}).values()
    assert [case.ids for case in cases] == [("b", "odd"), ("odd", "b")]
    assert cases[1].detail.startswith("dog / cat, similarity 0.99")
    assert list(kinds({}, cats_and_dogs)) == ["other-namespace"]
    assert kinds({name: name for name in cats_and_dogs}, {}) == {}
    assert kinds({}, {}) == {}


def test_where_groups_say_nothing_about_looks_one_note_says_so() -> None:
    names = [f"r{number}" for number in range(40)]
    near = neighbours_of(images_of(*names), [number * 2.0 for number in range(40)])
    references = {
        name: Reference(id=name, name=name, namespace=("paris", "rome")[number % 2])
        for number, name in enumerate(names)
    }

    _, found = other_label_findings(near, references)

    assert found is not None
    assert (found.kind, found.severity) == ("namespace-not-of-looks", Severity.NOTE)
    assert found.cases[0].detail == "40 of 40 references are most similar to one of another namespace"


def test_of_very_many_images_some_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity_checks, "MOST_COMPARED", 4)
    monkeypatch.setattr(similarity_checks, "_CHUNK", 2)

    near = neighbours_of(images_of(*"abcdefghij"), [at * 2.0 for at in range(10)])

    assert [each[0].reference_id for each in near] == ["a", "d", "g", "j"]


def test_what_counts_as_the_same_is_measured_with_the_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def embed(pixels: np.ndarray) -> np.ndarray:  # as far apart as their mean colours
        colours = pixels.reshape(len(pixels), -1, 3).mean(axis=1) + 1
        return np.asarray(colours / np.linalg.norm(colours, axis=1, keepdims=True), np.float32)

    def constant(pixels: np.ndarray) -> np.ndarray:
        return np.tile(np.array([0.6, 0.8], np.float32), (len(pixels), 1))

    monkeypatch.setattr(similarity_checks, "MEASURED_PHOTOS", 9)
    image = Image.new("RGB", (64, 64), (200, 60, 20))

    measured = measure_sameness(embed, [image], RECIPE)

    assert 0.9 < measured < 1
    assert measured == measure_sameness(embed, [image], RECIPE)
    assert measure_sameness(constant, [image], RECIPE) == pytest.approx(1)


def test_drawn_images_stand_in_where_there_are_none() -> None:
    drawn = drawn_images()

    assert len(drawn) == similarity_checks.MEASURED_PHOTOS
    assert {image.mode for image in drawn} == {"RGB"}
