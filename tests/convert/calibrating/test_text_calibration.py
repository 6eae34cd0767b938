"""Bands for texts: an encoder that knows the words gets them, another one does not and the reason is given."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_identify.convert.caching.build_cache import BuildCache
from edge_identify.convert.calibrating import text_calibration
from edge_identify.convert.calibrating.text_calibration import (
    LEAST_PHRASES,
    TextScores,
    area_of,
    calibrate_texts,
    fit_bands,
    keeping_texts,
    phrases_of,
    score_texts,
)
from edge_identify.convert.export.variants import ExportedVariant
from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
from edge_identify.edge_runtime.decisions.text_bands import TextBand, band_of
from edge_identify.edge_runtime.pack.manifest import Runtime, Tensor
from edge_identify.edge_runtime.pack.references import Reference

WORDS = ("crab", "gate", "moon", "fish", "tower", "snail", "river", "comet", "rose", "bell")
DIM = 32
TENSOR = Tensor(name="x", dtype="int64", shape=(-1,))
Draw = Callable[..., list[CatalogueImage]]


def direction(word: str) -> np.ndarray:
    """Return a unit vector for each word, nearly orthogonal to those of other words."""
    vector = np.random.default_rng(list(word.encode())).normal(size=DIM)
    return vector / np.linalg.norm(vector)


def encode(some: list[str]) -> np.ndarray:
    """Return the tokens of the test encoder: the letters of the last word."""
    tokens = np.zeros((len(some), 16), np.int64)
    for row, text in zip(tokens, some, strict=True):
        letters = list(text.strip(".").split()[-1].encode())[:16]
        row[: len(letters)] = letters
    return tokens


def knows_words(tokens: np.ndarray) -> np.ndarray:
    return np.stack([direction(bytes(row[row > 0].astype(np.uint8)).decode()) for row in tokens]).astype(np.float32)


def knows_none(tokens: np.ndarray) -> np.ndarray:
    return np.tile(direction("?"), (len(tokens), 1)).astype(np.float32)


def variant(name: str, embed: Callable[[np.ndarray], np.ndarray]) -> ExportedVariant:
    runtime = Runtime.COREML if name.startswith("coreml") else Runtime.ONNX
    return ExportedVariant(name=name, runtime=runtime, model="m", input=TENSOR, output=TENSOR, requires="", embed=embed)


def plainly(variant: ExportedVariant, tokens: np.ndarray) -> np.ndarray:
    """Embed tokens and keep nothing."""
    return variant.embed(tokens)


def things(count: int = 30) -> list[Reference]:
    return [
        Reference(id=f"reference-{at}", name=f"reference-{at}", labels={"label": WORDS[at % len(WORDS)]})
        for at in range(count)
    ]


def images_of(references: list[Reference]) -> np.ndarray:
    rng = np.random.default_rng(3)
    vectors = np.stack([direction(one.labels["label"]) for one in references]) + 0.05 * rng.normal(
        size=(len(references), DIM)
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


def pieces_of(references: list[Reference]) -> Callable[[], list[np.ndarray]]:
    vectors = images_of(references)
    return lambda: [vectors[:7], vectors[7:]]


def test_an_encoder_that_knows_the_words_gets_bands_and_core_ml_takes_them(draw_images: Draw) -> None:
    def not_here(_: np.ndarray) -> np.ndarray:
        raise AssertionError("Core ML was asked")

    variants = {"onnx-int8": variant("onnx-int8", knows_words), "coreml-int8": variant("coreml-int8", not_here)}

    outcome = calibrate_texts(variants, encode, things(), draw_images(30), pieces_of(things()), plainly)

    found = outcome.calibrations["onnx-int8"]
    assert outcome.left_out_because is None
    assert outcome.calibrations["coreml-int8"] == found
    assert found.auroc > 0.99
    assert found.genuine_strong == 1
    assert found.impostors_strong <= 0.02
    assert band_of(0.95, found) is TextBand.STRONG
    assert band_of(-0.5, found) is TextBand.WEAK
    assert outcome == calibrate_texts(variants, encode, things(), draw_images(30), pieces_of(things()), plainly)


def test_an_encoder_that_knows_no_word_gets_none_and_the_reason_is_said(draw_images: Draw) -> None:
    variants = {"onnx-int8": variant("onnx-int8", knows_none)}

    outcome = calibrate_texts(variants, encode, things(), draw_images(30), pieces_of(things()), plainly)

    assert outcome.calibrations == {}
    assert outcome.left_out_because is not None
    assert "onnx-int8 does not know what the labels and names mean (AUROC 0." in outcome.left_out_because


def test_a_pack_without_text_encoder_or_with_too_few_words_gets_none(draw_images: Draw) -> None:
    few = [Reference(id=f"reference-{at}", name=f"reference-{at}", labels={"label": "crab"}) for at in range(30)]
    variants = {"onnx-int8": variant("onnx-int8", knows_words)}

    without = calibrate_texts({}, encode, things(), draw_images(30), pieces_of(things()), plainly)
    too_few = calibrate_texts(variants, encode, few, draw_images(30), pieces_of(few), plainly)

    assert (without.calibrations, without.left_out_because) == ({}, None)
    assert too_few.left_out_because is not None
    assert "0 labels and names" in too_few.left_out_because


def test_phrases_are_labels_and_names_that_some_images_have_and_some_have_not(draw_images: Draw) -> None:
    references = [
        Reference(id="reference-0", name="Old_crab", labels={"label": "crab", "category": "all"}),
        Reference(id="reference-1", name="reference-1", labels={"label": "crab", "category": "all"}),
        Reference(id="reference-2", name="!!", labels={"label": "sea-gate", "category": "all"}),
        Reference(id="unpictured", name="nobody", labels={}),
    ]

    found = phrases_of(references, draw_images(3, each=2))

    assert {phrase: owners.tolist() for phrase, owners in found.items()} == {
        "crab": [True] * 4 + [False] * 2,
        "old crab": [True] * 2 + [False] * 4,
        "sea gate": [False] * 4 + [True] * 2,
    }


def test_many_phrases_are_sampled_the_same_every_time(draw_images: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_calibration, "MOST_PHRASES", 4)

    found = phrases_of(things(), draw_images(30))

    assert len(found) == 4 < LEAST_PHRASES
    assert list(found) == list(phrases_of(things(), draw_images(30)))


def test_texts_of_other_things_leave_out_what_a_label_speaks_of() -> None:
    asked: list[str] = []

    def embed(some: list[str]) -> np.ndarray:
        asked.extend(some)
        return np.ones((len(some), 2), np.float32)

    owners = {"traffic sign": np.array([True, False]), "old piano": np.array([False, True])}
    scores = score_texts(owners, embed, lambda: [np.eye(2, dtype=np.float32)])

    assert "a guitar" in asked
    assert not {"a piano", "a traffic light"} & set(asked)
    assert len(scores.genuine) == len(scores.left_out) == 2 * len(text_calibration.TEMPLATES)


def test_a_genuine_text_is_scored_by_its_own_images_and_an_impostor_by_the_others() -> None:
    owners = {"one": np.array([True, True, False]), "two": np.array([False, False, True])}
    images = np.array([[0.1, 0], [0.7, 0], [0.9, 0]], np.float32)

    scores = score_texts(owners, lambda some: np.tile([[1.0, 0.0]], (len(some), 1)), lambda: [images[:2], images[2:]])

    assert scores.genuine[:2].tolist() == pytest.approx([0.7, 0.9])
    assert scores.left_out[:2].tolist() == pytest.approx([0.9, 0.7])
    assert scores.others == pytest.approx(np.full(len(scores.others), 0.9))


def test_the_bands_begin_where_their_share_of_the_worse_kind_of_impostors_ends() -> None:
    scores = TextScores(
        genuine=np.linspace(0.5, 0.9, 100), left_out=np.arange(100) / 200, others=np.arange(100) / 200 + 0.1
    )

    found = fit_bands(scores, measured_with="onnx-int8")

    assert found.strong == pytest.approx((97 / 200 + 0.1), abs=2e-4)  # two of a hundred reach it
    assert found.fair == pytest.approx((79 / 200 + 0.1), abs=2e-4)
    assert found.strong > 97 / 200 + 0.1
    assert (found.impostors_strong, found.impostors_fair) == (0.01, 0.1)  # of both kinds together
    assert found.genuine_fair >= found.genuine_strong
    assert area_of(scores) == found.auroc


def test_texts_are_only_as_good_as_against_the_kind_of_impostor_that_they_are_told_from_worst() -> None:
    genuine, far, near = np.array([0.5, 0.6]), np.array([0.1, 0.2]), np.array([0.55, 0.1])

    assert area_of(TextScores(genuine=genuine, left_out=far, others=near)) == 0.75
    assert area_of(TextScores(genuine=genuine, left_out=near, others=far)) == 0.75
    assert area_of(TextScores(genuine=genuine, left_out=far, others=np.array([]))) == 1


def test_texts_that_an_earlier_build_embedded_are_not_embedded_again(tmp_path: Path) -> None:
    asked: list[int] = []

    def counting(tokens: np.ndarray) -> np.ndarray:
        asked.append(len(tokens))
        return knows_words(tokens)

    (tmp_path / "m").write_bytes(b"an encoder")
    counted = replace(variant("onnx-int8", counting), output=Tensor(name="x", dtype="float32", shape=(-1, DIM)))
    first = keeping_texts(tmp_path, BuildCache(tmp_path / "cache"))(counted, encode(["crab", "gate"]))
    again = keeping_texts(tmp_path, BuildCache(tmp_path / "cache"))(counted, encode(["gate", "moon", "crab"]))

    assert asked == [1, 1, 1]
    np.testing.assert_array_equal(again[[2, 0]], first)


def test_many_names_take_no_mask_each() -> None:
    count = 3000
    references = [Reference(id=f"reference-{at}", name=f"thing {at}") for at in range(count)]
    images = [
        CatalogueImage(index_id=at + 1, reference_id=f"reference-{at}", sha256="", path=Path(f"{at}.png"))
        for at in range(count)
    ]

    tracemalloc.start()
    phrases_of(references, images)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < count**2 / 2  # with a mask for each name, `count` squared
