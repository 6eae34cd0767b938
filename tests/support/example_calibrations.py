"""Calibrations with constants for agreeing points, for tests that need plausible ones."""

from __future__ import annotations

from edge_identify.edge_runtime.decisions.calibration import Calibration, Certainty, PointCalibration

POINTS = PointCalibration(
    share_exponent=0.5,
    points_exponent=1.5,
    evidence_weight=0.8,
    count_weight=0.5,
    lead_weight=0.3,
    intercept=-2.0,
    accept=-1.0,
    certainty=Certainty(identified=0.4, probably=0.3),
    false_accepts=0.0,
    sibling_accepts=0.1,
    true_accepts=0.9,
)
SIMULATED = Calibration(
    measured_with="onnx-int8",
    neighbours=20,
    score_weight=6.0,
    contrast_weight=0.0,
    margin_weight=6.0,
    intercept=-4.5,
    temperature=0.05,
    accept=-3.0,
    least_share=0.5,
    false_accept_rate=0.02,
    genuine_count=100,
    impostor_count=50,
    false_accepts=0.02,
    true_accepts=0.9,
    sibling_accepts=0.3,
    certainty=Certainty(identified=0.9, probably=0.5),
    points=POINTS,
)
