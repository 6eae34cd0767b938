"""Fidelity figures of an exported encoder, and the thresholds that the gate applies to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edge_identify.convert.export.fidelity import (
    THRESHOLDS,
    FidelitySample,
    agreement,
    drifting,
    measure_fidelity,
    sample_positions,
)
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.manifest import Fidelity

Embed = Callable[[np.ndarray], np.ndarray]


def unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, np.float32)


def original(tokens: np.ndarray) -> np.ndarray:
    return np.asarray(unit(np.random.default_rng(0).normal(size=(50, 16)))[tokens[:, 0]])


def measure(embed: Embed, original_queries: np.ndarray | None = None, right: np.ndarray | None = None) -> Fidelity:
    queries = np.arange(50, dtype=np.int64)[:, None]
    expected = original(queries) if original_queries is None else original_queries
    sample = FidelitySample(description="numbers", queries=(), references=(), right=right)
    references = unit(expected + 0.1)
    return measure_fidelity(
        "onnx-int8",
        sample,
        found_queries=embed(queries),
        original_queries=expected,
        original_references=references,
        indexed_references=references,
    )


def _shortfalls(measured: Fidelity) -> list[str]:
    return drifting({"onnx-int8": measured})["onnx-int8"]


def test_an_exact_export_has_perfect_figures_and_passes() -> None:
    fidelity = measure(original)

    assert (fidelity.cosine_mean, fidelity.cosine_min, fidelity.top1_agreement, fidelity.count) == (
        1.0,
        1.0,
        1.0,
        50,
    )
    assert not drifting({"onnx-fp32": fidelity})


def slightly_off(tokens: np.ndarray) -> np.ndarray:
    return unit(original(tokens) + np.random.default_rng(1).normal(0, 0.01, (len(tokens), 16)))


def test_rounding_passes_as_int8_and_not_as_fp32() -> None:
    fidelity = measure(slightly_off)

    assert not drifting({"onnx-int8": fidelity})
    assert drifting({"onnx-fp32": fidelity})["onnx-fp32"][0].startswith("mean cosine 0.99")


@pytest.mark.parametrize(
    "broken",
    [
        lambda tokens: unit(np.roll(original(tokens), 1, axis=1)),
        lambda tokens: unit(np.ones((len(tokens), 16))),
        lambda tokens: -original(tokens),
    ],
    ids=["channels swapped", "constant", "sign"],
)
def test_a_broken_export_drifts_and_its_ranking_too(broken: Embed) -> None:
    assert any(figure.startswith("same nearest reference ") for figure in _shortfalls(measure(broken)))


def test_one_bad_image_among_good_ones_is_enough() -> None:
    def one_bad(tokens: np.ndarray) -> np.ndarray:
        found = original(tokens).copy()
        found[tokens[:, 0] == 7] *= -1
        return found

    assert any(figure.startswith("least cosine -1") for figure in _shortfalls(measure(one_bad)))


def test_only_references_that_tie_may_change_places() -> None:
    original = np.array([[0.9, 0.899, 0.1, 0.0], [0.9, 0.6, 0.1, 0.0], [0.9, 0.6, 0.1, 0.0]], np.float32)
    found = np.array([[0.1, 0.9, 0.0, 0.0], [0.1, 0.9, 0.0, 0.0], [0.9, 0.1, 0.0, 0.0]], np.float32)

    assert agreement(original, found, depth=1) == pytest.approx(2 / 3)
    assert agreement(original, found, depth=2) == 1.0
    assert agreement(original, found, depth=4) == 1.0


def test_vectors_that_are_not_unit_vectors_are_refused_though_they_point_the_right_way() -> None:
    with pytest.raises(SetupError, match="onnx-int8: returns vectors whose length is off by 1, not unit vectors"):
        measure(lambda tokens: original(tokens) * np.float32(2))


def test_what_is_not_a_number_is_refused() -> None:
    with pytest.raises(SetupError, match="onnx-int8: returns vectors whose length is off by nan"):
        measure(lambda tokens: original(tokens) * np.float32("nan"))


def test_a_common_part_that_hides_a_difference_is_taken_away() -> None:
    """In a narrow cone, another image's embedding has a high cosine; the centred cosine shows the difference."""

    def cone(tokens: np.ndarray) -> np.ndarray:
        return unit(original(tokens) + 20)

    queries = np.arange(50, dtype=np.int64)[:, None]
    shuffled = measure(lambda tokens: cone((tokens + 1) % 50), cone(queries))

    assert shuffled.cosine_mean > 0.99
    assert shuffled.cosine_centred is not None
    assert shuffled.cosine_centred < 0.3
    assert any(figure.startswith("centred cosine ") for figure in _shortfalls(shuffled))


def test_lost_recall_is_measured_where_there_is_a_right_answer() -> None:
    right = np.arange(50)
    half_wrong = measure(lambda tokens: original(np.where(tokens < 25, 49 - tokens, tokens)), right=right)

    assert half_wrong.recall_change == pytest.approx(-0.5)
    assert measure(original).recall_change is None
    assert any(figure.startswith("change of recall -0.5") for figure in _shortfalls(half_wrong))


def test_the_drifting_variants_are_told_from_the_others() -> None:
    measured = {"onnx-int8": measure(lambda tokens: -original(tokens)), "onnx-fp32": measure(original)}

    assert list(drifting(measured)) == ["onnx-int8"]


@pytest.mark.parametrize(("count", "most"), [(1, 64), (64, 64), (65, 64), (4204, 64), (3, 2)])
def test_a_sample_is_spread_from_the_first_to_the_last(count: int, most: int) -> None:
    positions = sample_positions(count, most)

    assert len(positions) == min(count, most)
    assert (positions[0], positions[-1]) == (0, count - 1)


@pytest.mark.parametrize("form", sorted(THRESHOLDS))
@pytest.mark.parametrize(
    ("figure", "words"),
    [
        ("cosine_mean", "mean cosine"),
        ("cosine_min", "least cosine"),
        ("cosine_centred", "centred cosine"),
        ("top1_agreement", "same nearest reference"),
        ("top5_agreement", "same five nearest"),
        ("recall_change", "change of recall"),
    ],
)
@pytest.mark.parametrize("runtime", ["onnx", "coreml"])
def test_each_figure_alone_stops_a_variant_just_below_its_threshold(
    form: str, figure: str, words: str, runtime: str
) -> None:
    least = getattr(THRESHOLDS[form], figure)
    good = Fidelity(
        sample="x",
        count=1,
        cosine_mean=1.0,
        cosine_min=1.0,
        top1_agreement=1.0,
        cosine_centred=1.0,
        top5_agreement=1.0,
        recall_change=0.0,
    )
    name = f"{runtime}-{form}"

    def with_figure(value: float) -> Fidelity:
        changes: dict[str, Any] = {figure: value}
        return replace(good, **changes)

    assert not drifting({name: with_figure(least)})
    for bad in (least - 1e-6, float("nan")):
        (reason,) = drifting({name: with_figure(bad)})[name]
        assert reason.startswith(f"{words} ")
