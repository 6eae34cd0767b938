"""What an app can choose from after an evaluation: a least confidence, and references to photograph again."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from edge_identify.convert.evaluating.evaluation import Outcome

_COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # shares of the photos of known things that are named
_MOST_REFERENCES = 5  # as many as one goes and photographs


def threshold_choices(outcomes: Sequence[Outcome]) -> list[dict[str, float | None]]:
    """Return at most six least confidences with what each costs, the strictest first; none without decisions.

    An app that names every first match from `least_confidence` on would name `named` of the photos of things in the
    pack, and `strangers` of the photos of other things (None if there are none). `right` is the share of right ones
    among all that are named, `right_names` the share of the photos of known things that are rightly named.
    """
    known = _confidences(outcomes, is_known=True)
    others = _confidences(outcomes, is_known=False)
    if not known:
        return []
    ranked = sorted((confidence for confidence, _ in known), reverse=True)
    # Rounded down to two decimals, so that the photo that sets the threshold is named.
    least = {math.floor(100 * ranked[math.ceil(share * len(ranked)) - 1]) / 100 for share in _COVERAGES}
    return [_choice(each, known, others) for each in sorted(least, reverse=True)]


def _choice(
    least: float, known: Sequence[tuple[float, bool]], others: Sequence[tuple[float, bool]]
) -> dict[str, float | None]:
    right = [is_right for confidence, is_right in known if confidence >= least]
    strangers = sum(confidence >= least for confidence, _ in others)
    return {
        "least_confidence": least,
        "named": round(len(right) / len(known), 4),
        "right": round(sum(right) / (len(right) + strangers), 4),
        "right_names": round(sum(right) / len(known), 4),
        "strangers": round(strangers / len(others), 4) if others else None,
    }


def _confidences(outcomes: Sequence[Outcome], *, is_known: bool) -> list[tuple[float, bool]]:
    return [
        (one.verdict.confidences[0], one.rank == 1)
        for one in outcomes
        if one.verdict is not None and bool(one.query.reference_id) is is_known
    ]


def photograph_again(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return at most five references that are most often taken for another, each with `id`, `photos` and `wrong`.

    One wrong photo says little of a reference: only those with two or more are told.
    """
    photos = Counter(one.query.reference_id for one in outcomes if one.query.reference_id)
    wrong = Counter(one.query.reference_id for one in outcomes if one.query.reference_id and one.rank != 1)
    worst = sorted((name for name in wrong if wrong[name] > 1), key=lambda name: (-wrong[name], photos[name], name))
    return [{"id": name, "photos": photos[name], "wrong": wrong[name]} for name in worst[:_MOST_REFERENCES]]
