"""The figures of an evaluation, as the object that `edge-build evaluate --json` prints.

    {
      "all": FIGURES,
      "groups": {VALUE: FIGURES},              by the first grouping column
      "by_column": {COLUMN: {VALUE: FIGURES}}, by each grouping column
      "choices": [CHOICE],                     least confidences to choose from; see `threshold_choices`
      "photograph_again": [{"id", "photos", "wrong"}], references that are most often taken for another
      "confusable": [PAIR],                    confused pairs of references, the most frequent first
      "worst": {"wrong": [PHOTO], "not_in_pack": [PHOTO], "refused": [PHOTO]},
      "slowest": [PHOTO],
      "timing": {"prepare_ms_median", "prepare_ms_p95", "answer_ms_mean"},
      "intervals": {"percent", "resamples", "seed"},
      "absent": {NAME: REASON},                figures that this pack cannot have
      "location": {"used", "photos"},          whether positions were used; photos that had one
      "skipped": N,                            photos that could not be used
      "pack": {"name", "version", "title", "references", "false_accept_rate", "real_photos"}
    }

`photos_of_note` makes PAIR and the lists of photos. FIGURES:

    {
      "queries": photos of things in the pack, "not_in_pack": photos of others,
      "recall@1", "recall@5",                  share whose reference is the first match, or among the first five
      "auroc_score",                           AUROC of known against other photos, by cosine similarity
      "intervals": {NAME: [low, high]},        see `bootstrap_intervals`
      "decisions": {...},                      see `decision_figures`; only for a calibrated pack
      "against_all_others": {"auroc_score", "auroc_evidence"}
                                               of a group: its known photos against all photos not in the pack
    }

PHOTO has these keys: `photo` (its path), `name` (in the table), `id` (empty: not in the pack), `nearest` (an id),
`rank` of the right reference or null, `similarity`, `decision`, `confidence` of the first match, `evidence`,
`prepare_ms`.

A figure without a photo to measure it with is null. Shares are 0 to 1. Keys may be added; they are not renamed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_identify.convert.evaluating import photos_of_note
from edge_identify.convert.evaluating.bootstrap_intervals import (
    PERCENT,
    RESAMPLES,
    SEED,
    PhotoMeasurements,
    bootstrap_intervals,
)
from edge_identify.convert.evaluating.decision_figures import Ruling, auroc, decision_figures
from edge_identify.convert.evaluating.evaluation import DEPTHS, Evaluation, Outcome, Query
from edge_identify.convert.evaluating.threshold_choices import photograph_again, threshold_choices
from edge_identify.edge_runtime.decisions.decision import Decision

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_GROUPS = 20  # a column with more values labels single photos rather than groups


def grouping_columns(queries: Sequence[Query]) -> tuple[str, ...]:
    """Return the columns that group the photos, in the table's order, without `query` and `id`.

    A grouping column has 2 to `MOST_GROUPS` values, and at least two photos per value on average.
    """
    names = [name for name in queries[0].columns if name and name not in ("query", "id")]
    counts = {name: len({query.columns[name] for query in queries}) for name in names}
    return tuple(name for name in names if 2 <= counts[name] <= min(MOST_GROUPS, len(queries) // 2))


def report_figures(evaluation: Evaluation, *, columns: Sequence[str]) -> dict[str, Any]:
    """Return the object that the module's docstring describes, without `absent` and `pack`.

    Args:
        evaluation: An evaluation with at least one outcome.
        columns: Grouping columns of the queries. The groups of the first one are also in `groups`.
    """
    outcomes = evaluation.outcomes
    by_column = {column: _by_value(outcomes, column) for column in columns}
    return {
        "all": group_figures(outcomes),
        "groups": by_column[columns[0]] if columns else {},
        "by_column": by_column,
        "choices": threshold_choices(outcomes),
        "photograph_again": photograph_again(outcomes),
        "confusable": photos_of_note.confusable_pairs(outcomes),
        "worst": photos_of_note.worst_photos(outcomes),
        "slowest": photos_of_note.slowest_photos(outcomes),
        "timing": _timing(evaluation),
        "intervals": {"percent": PERCENT, "resamples": RESAMPLES, "seed": SEED},
        "location": {
            "used": evaluation.with_positions,
            "photos": sum(outcome.has_position for outcome in outcomes),
        },
        "skipped": len(evaluation.left_out),
    }


def group_figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the FIGURES of some photos, at least one; see the module's docstring."""
    known = [outcome for outcome in outcomes if outcome.query.reference_id]
    others = [outcome for outcome in outcomes if not outcome.query.reference_id]
    figures: dict[str, Any] = {"queries": len(known)}
    for depth in DEPTHS:
        hits = sum(outcome.rank is not None and outcome.rank <= depth for outcome in known)
        figures[f"recall@{depth}"] = round(hits / len(known), 4) if known else None
    figures["not_in_pack"] = len(others)
    figures["auroc_score"] = auroc([one.best_score for one in known], [one.best_score for one in others])
    figures["intervals"] = bootstrap_intervals(_sample(outcomes), depths=DEPTHS)
    if rulings := _rulings(outcomes):
        figures["decisions"] = decision_figures(rulings)
    return figures


def _by_value(outcomes: Sequence[Outcome], column: str) -> Mapping[str, Any]:
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.query.columns[column], []).append(outcome)
    others = [outcome for outcome in outcomes if not outcome.query.reference_id]
    return {
        value: group_figures(members) | {"against_all_others": _against(members, others)}
        for value, members in sorted(groups.items())
    }


def _against(members: Sequence[Outcome], others: Sequence[Outcome]) -> dict[str, float | None]:
    # Groups often hold only one kind of photo, such as photos of things that are not in the pack.
    known = [outcome for outcome in members if outcome.query.reference_id]
    return {
        "auroc_score": auroc([one.best_score for one in known], [one.best_score for one in others]),
        "auroc_evidence": auroc(_evidence(known), _evidence(others)),
    }


def _evidence(outcomes: Sequence[Outcome]) -> list[float]:
    return [outcome.verdict.evidence for outcome in outcomes if outcome.verdict is not None]


def _rulings(outcomes: Sequence[Outcome]) -> list[Ruling]:
    return [
        Ruling(
            verdict=outcome.verdict,
            score=outcome.best_score,
            is_known=bool(outcome.query.reference_id),
            is_right=outcome.rank == 1,
            is_among_look_alikes=outcome.query.reference_id in outcome.look_alike_ids,
        )
        for outcome in outcomes
        if outcome.verdict is not None
    ]


def _sample(outcomes: Sequence[Outcome]) -> PhotoMeasurements:
    rulings = _rulings(outcomes)
    is_calibrated = len(rulings) == len(outcomes)
    return PhotoMeasurements(
        is_known=np.array([bool(outcome.query.reference_id) for outcome in outcomes]),
        rank=np.array([outcome.rank or 0 for outcome in outcomes]),
        score=np.array([outcome.best_score for outcome in outcomes], dtype=np.float64),
        is_accepted=np.array([ruling.is_accepted for ruling in rulings]) if is_calibrated else None,
        evidence=np.array([ruling.verdict.evidence for ruling in rulings]) if is_calibrated else None,
        confidence=np.array([ruling.verdict.confidences[0] for ruling in rulings]) if is_calibrated else None,
        is_identified=_is(rulings, Decision.IDENTIFIED) if is_calibrated else None,
        is_probable=_is(rulings, Decision.PROBABLY) if is_calibrated else None,
    )


def _is(rulings: Sequence[Ruling], decision: Decision) -> NDArray[np.bool_]:
    return np.array([ruling.decision is decision for ruling in rulings])


def _timing(evaluation: Evaluation) -> dict[str, float | None]:
    taken = [outcome.prepare_ms for outcome in evaluation.outcomes if outcome.prepare_ms is not None]
    return {
        "prepare_ms_median": round(float(np.median(taken)), 1) if taken else None,
        "prepare_ms_p95": round(float(np.percentile(taken, 95)), 1) if taken else None,
        "answer_ms_mean": None if evaluation.answer_ms is None else round(evaluation.answer_ms, 1),
    }
