"""The correction of confidences by real photos: what it changes, and what it must not change."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from example_calibrations import POINTS, SIMULATED

from edge_identify.edge_runtime.decisions.calibration import (
    Certainty,
    Correction,
    RealPhotos,
    read_calibrations,
    serialise_calibrations,
)
from edge_identify.edge_runtime.decisions.decision import conclude, corrected, decide
from edge_identify.edge_runtime.decisions.point_evidence import decide_with_points
from edge_identify.edge_runtime.errors import PackFormatError

RULE = replace(
    POINTS,
    points_exponent=1.0,
    lead_weight=0.5,
    intercept=-1.0,
    accept=-0.5,
    certainty=Certainty(identified=0.6, probably=0.3),
)
PLAIN = replace(
    SIMULATED,
    score_weight=10.0,
    contrast_weight=5.0,
    margin_weight=5.0,
    intercept=-8.0,
    temperature=0.1,
    accept=-1.0,
    certainty=Certainty(identified=0.6, probably=0.3),
    points=RULE,
)
RAISED = Correction(slope=1.2, intercept=2.0)
TOLD = RealPhotos(
    count=60,
    identified=0.7,
    identified_right=0.97,
    probably=0.0,
    probably_right=None,
    calibration_error=0.04,
    simulated=PLAIN,
)
SCORES = [0.7, 0.66, 0.5, 0.3]


def test_a_higher_confidence_stays_higher_and_the_ends_stay() -> None:
    for correction in (RAISED, Correction(slope=0.1, intercept=-3.0)):
        mapped = [corrected(step / 1000, correction) for step in range(1001)]

        assert mapped[0] == 0.0
        assert all(low < high for low, high in itertools.pairwise(mapped))
        assert mapped[-1] <= 1.0


def test_the_identity_changes_nothing() -> None:
    identity = Correction(slope=1.0, intercept=0.0)
    for step in range(1, 100):
        assert corrected(step / 100, identity) == pytest.approx(step / 100)


def test_a_correction_changes_what_is_stated_and_no_decision() -> None:
    for first in (0.2, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        scores = [first, *SCORES[1:]] if first >= SCORES[1] else [first, 0.1, 0.1]
        before = decide(scores, PLAIN)
        after = decide(scores, replace(PLAIN, correction=RAISED))

        assert (after.decision, after.evidence) == (before.decision, before.evidence)
        assert after.confidences[0] == pytest.approx(corrected(before.confidences[0], RAISED))
        assert after.uncorrected == before.confidences


def test_corrected_confidences_fall_by_rank_and_sum_to_the_known_probability_at_most() -> None:
    for evidence, correction in itertools.product((-5.0, 0.0, 8.0), (RAISED, Correction(slope=0.3, intercept=-1.0))):
        verdict = conclude(evidence, (0.4, 0.35, 0.15, 0.1, 0.0), replace(PLAIN, correction=correction))

        assert list(verdict.confidences) == sorted(verdict.confidences, reverse=True)
        assert sum(verdict.confidences) <= verdict.known_probability + 1e-12
        assert verdict.known_probability <= 1


def test_points_are_weighed_with_the_confidences_before_the_correction() -> None:
    points = [3, 40, 0, 0]
    plain = decide_with_points(decide(SCORES, PLAIN), points, PLAIN)
    both = replace(PLAIN, correction=RAISED, points=replace(RULE, correction=RAISED))
    again = decide_with_points(decide(SCORES, both), points, both)

    assert plain is not None
    assert again is not None
    assert again.order == plain.order
    assert again.verdict.evidence == plain.verdict.evidence
    assert again.verdict.confidences[0] == pytest.approx(corrected(plain.verdict.confidences[0], RAISED))


def test_the_file_gives_back_what_was_written_and_a_pack_of_before_has_no_correction(tmp_path: Path) -> None:
    whole = replace(PLAIN, correction=RAISED, real_photos=TOLD, points=replace(RULE, correction=RAISED))
    for calibration in (PLAIN, whole):
        (tmp_path / "c.json").write_bytes(serialise_calibrations({"onnx-int8": calibration}))

        assert read_calibrations(tmp_path / "c.json") == {"onnx-int8": calibration}
    stored = json.loads(serialise_calibrations({"onnx-int8": PLAIN}))["variants"]["onnx-int8"]
    assert not {"correction", "real_photos"} & {*stored, *stored["points"]}


@pytest.mark.parametrize("slope", [0.0, -1.0, 1e9])
def test_a_slope_that_turns_the_order_round_is_refused(tmp_path: Path, slope: float) -> None:
    hostile = replace(PLAIN, correction=Correction(slope=slope, intercept=0.0))
    (tmp_path / "c.json").write_bytes(serialise_calibrations({"onnx-int8": hostile}))

    with pytest.raises(PackFormatError, match="`slope`"):
        read_calibrations(tmp_path / "c.json")
