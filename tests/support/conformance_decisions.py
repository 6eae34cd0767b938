"""Conformance vectors of decisions: from scores, positions and agreeing points to a verdict."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from example_calibrations import POINTS, SIMULATED

from edge_identify.edge_runtime.decisions.calibration import Calibration, Correction
from edge_identify.edge_runtime.decisions.decision import Verdict, decide
from edge_identify.edge_runtime.decisions.place_evidence import decide_with_place, mean_nearness, place_score
from edge_identify.edge_runtime.decisions.point_evidence import decide_with_points
from edge_identify.edge_runtime.photos.position import Position, distance_m
from edge_identify.edge_runtime.search.ranked_references import Nearest, fused

_CORRECTION = Correction(slope=0.8, intercept=-0.2)


def _calibrations() -> list[Calibration]:
    corrected = replace(SIMULATED, correction=_CORRECTION, points=replace(POINTS, correction=_CORRECTION))
    return [SIMULATED, corrected, replace(SIMULATED, certainty=None, points=None, neighbours=3)]


def decision_vectors(random: np.random.Generator) -> list[dict[str, Any]]:
    """Return scores with their verdicts: by similarity, then with points."""
    lists = [
        [0.9, 0.5, 0.45],
        [0.8, 0.79, 0.78, 0.4],
        [0.3, 0.29],
        [0.55],
        sorted(random.uniform(-0.2, 0.9, 25).round(4).tolist(), reverse=True),
    ]
    found = []
    for calibration in _calibrations():
        for scores in lists:
            verdict = decide(scores, calibration)
            points = [0, *random.integers(0, 60, min(len(scores), 10) - 1).tolist()]
            with_points = decide_with_points(verdict, points, calibration)
            assert with_points is not None
            found.append(
                {
                    "calibration": _as_json(calibration),
                    "scores": scores,
                    "verdict": _verdict(verdict),
                    "points": points,
                    "with_points": {"order": list(with_points.order), **_verdict(with_points.verdict)},
                }
            )
    crowd = [0.62, 0.6, 0.58, 0.2]
    filtered = decide([0.62, 0.2], SIMULATED, crowd=crowd)
    return [
        *found,
        {"calibration": _as_json(SIMULATED), "scores": [0.62, 0.2], "crowd": crowd, "verdict": _verdict(filtered)},
    ]


def place_vectors() -> list[dict[str, Any]]:
    """Return candidates with coordinates, a position, and the decision with it."""
    scores = [0.7, 0.69, 0.66, 0.5]
    coordinates = [(48.86, 2.35), (48.85, 2.34), None, (-33.9, 151.2)]
    located = [spot for spot in coordinates if spot is not None]
    found = []
    for position in (
        Position(latitude=48.8501, longitude=2.3401, accuracy_m=20.0),
        Position(latitude=-33.9, longitude=151.2, accuracy_m=None),
        Position(latitude=0.0, longitude=179.9, accuracy_m=500.0),
    ):
        crowd = mean_nearness(position, located, len(located))
        placed = [place_score(position, spot, crowd) for spot in coordinates]
        decided = decide_with_place(scores, placed, SIMULATED, crowd=scores)
        found.append(
            {
                "calibration": _as_json(SIMULATED),
                "position": {
                    "latitude": position.latitude,
                    "longitude": position.longitude,
                    "accuracy_m": position.accuracy_m,
                },
                "scores": scores,
                "coordinates": coordinates,
                "distances_m": [spot and round(distance_m(position.coordinates, spot), 3) for spot in coordinates],
                "place_scores": [float(f"{score:.9g}") for score in placed],
                "order": list(decided.order),
                "verdict": _verdict(decided.verdict),
            }
        )
    return found


def together_vectors() -> list[dict[str, Any]]:
    """Return the nearest references of several photos of one thing, and their common ranking."""
    photos = [
        [("a", 0.9, 1), ("b", 0.8, 2), ("c", 0.3, 5)],
        [("b", 0.85, 3), ("a", 0.5, 1), ("d", 0.4, 9)],
    ]
    ranked = fused([[Nearest(reference_id=name, score=score, index_id=at) for name, score, at in of] for of in photos])
    return [{"photos": photos, "fused": [[each.reference_id, round(each.score, 9), each.index_id] for each in ranked]}]


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "decision": verdict.decision.value,
        "evidence": round(verdict.evidence, 9),
        "known_probability": round(verdict.known_probability, 9),
        "confidences": [round(confidence, 9) for confidence in verdict.confidences],
        "look_alike_count": verdict.look_alike_count,
    }


def _as_json(calibration: Calibration) -> dict[str, Any]:
    return _without_nothing(asdict(calibration))


def _without_nothing(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_nothing(value) if isinstance(value, dict) else value
        for key, value in fields.items()
        if value is not None
    }
