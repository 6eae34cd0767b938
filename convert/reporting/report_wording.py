"""Figures in sentences that say what they mean, for a person who knows none of their names.

Each function takes the FIGURES of `evaluation_figures` and returns plain text; what was not measured is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FEW = 3  # divided by the number of photos: what a count of none cannot exclude with 95 % certainty (rule of three)

Figures = Mapping[str, Any]


def recall_sentences(figures: Figures) -> list[str]:
    """Say how often the right reference is found."""
    photos = figures["queries"]
    if not photos:
        return ["No photo shows a thing that is in the pack, so nothing can be said of how often it is found."]
    return [
        f"Of {photos} photos of things in the pack, {percent(figures['recall@1'])} have the right reference as their "
        f"nearest one{_aside(figures, 'recall@1', 'recall at 1')}, and {percent(figures['recall@5'])} have it among "
        f"the nearest five{_aside(figures, 'recall@5', 'recall at 5')}."
    ]


def separation_sentences(figures: Figures) -> list[str]:
    """Say how well photos of things in the pack are told from others."""
    plain = figures["auroc_score"]
    if plain is None:
        return ["Known and unknown things cannot be compared: the photos show only one of the two kinds."]
    evidence = figures.get("decisions", {}).get("auroc_evidence")
    if evidence is None:
        return [f"{_pairs('similarity', plain)}{_aside(figures, 'auroc_score', 'AUROC')}."]
    return [
        f"{_pairs('evidence', evidence)}{_aside(figures, 'auroc_evidence', 'AUROC')}; with the plain similarity of the "
        f"nearest reference instead, in {100 * plain:.1f}."
    ]


def decision_sentences(figures: Figures, *, asked_for: float | None) -> list[str]:
    """Say what was decided of known things and of others.

    Args:
        figures: With `decisions`.
        asked_for: The false-accept rate that the pack's maker asked for; None where it is not known.
    """
    decisions = figures["decisions"]
    return [*_known_sentences(figures, decisions), *_other_sentences(figures, decisions, asked_for)]


def calibration_sentences(figures: Figures) -> list[str]:
    """Say whether stated probabilities come true, and what answering only the surest photos brings."""
    decisions = figures["decisions"]
    half, whole = (_risk(decisions, coverage) for coverage in (0.5, 1.0))
    return [
        f"The probability that the pack states is off by {100 * decisions['ece']:.1f} percentage points on average"
        f"{_aside(figures, 'ece', 'ECE')}: 0 would mean that of all answers called 70 % sure, 70 % are right.",
        f"If only the surest half of all photos were answered, {percent(half)} of the answers would be wrong; if all "
        f"were, {percent(whole)}.",
    ]


def percent(share: float) -> str:
    """Return a share as percent, for people."""
    return f"{100 * share:.1f} %"


def _known_sentences(figures: Figures, decisions: Figures) -> list[str]:
    known = decisions["known"]
    if not known["photos"]:
        return []
    said = [
        f"Of the {known['photos']} photos of things in the pack, {known['identified_right']} were named rightly and "
        f"{known['identified_wrong']} wrongly. {known['ambiguous']} were called ambiguous, and "
        f"{known['ambiguous_with_right']} of these had the right reference among the look-alikes that were named. "
        f"{known['unknown']} were called unknown{_aside(figures, 'false_reject_rate', 'false rejects')}."
    ]
    if decisions["right_accepted"] is not None:
        said.append(
            f"Of the photos whose nearest reference is the right one, {percent(decisions['right_accepted'])} were "
            f"accepted{_aside(figures, 'right_accepted')}; the others were right and yet refused."
        )
    return said


def _other_sentences(figures: Figures, decisions: Figures, asked_for: float | None) -> list[str]:
    others, rate = decisions["not_in_pack"], decisions["false_accept_rate"]
    if rate is None:
        return ["No photo shows a thing that is not in the pack, so false accepts were not measured."]
    accepted = others["identified"] + others["ambiguous"]
    setting = "" if asked_for is None else f"; the pack was built to let {percent(asked_for)} pass"
    return [
        f"Of {others['photos']} photos of things that are not in the pack, {accepted} were taken for something in it: "
        f"{percent(rate)}{_aside(figures, 'false_accept_rate', 'false accepts')}{setting}."
        f"{_none_is_not_never(accepted, others['photos'])}"
    ]


def _none_is_not_never(accepted: int, photos: int) -> str:
    if accepted:
        return ""
    return f" None of so few is not never: up to {percent(min(1.0, _FEW / photos))} cannot be excluded."


def _pairs(what: str, auroc: float) -> str:
    return (
        f"Of a photo of a thing in the pack and one of another thing, the first has the higher {what} in "
        f"{100 * auroc:.1f} of 100 pairs"
    )


def _aside(figures: Figures, name: str, label: str = "") -> str:
    """Return, in brackets, what a figure is called and where it would likely be with other photos."""
    interval = figures["intervals"].get(name)
    # Draws that all agree say only that the photos do.
    is_told = interval is not None and interval[0] != interval[1]
    likely = f"likely {100 * interval[0]:.1f} to {100 * interval[1]:.1f}" if is_told else ""
    inside = ", ".join(part for part in (label, likely) if part)
    return f" ({inside})" if inside else ""


def _risk(decisions: Figures, coverage: float) -> float:
    found: float = next(point["risk"] for point in decisions["risk_coverage"] if point["coverage"] == coverage)
    return found
