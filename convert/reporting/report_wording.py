"""Sentences that explain the figures of an evaluation, for readers who do not know their names.

Each function takes the FIGURES of `evaluation_figures` and returns plain text. Figures that were not measured are left
out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edge_identify.edge_runtime.io.counted import counted, plural

_FEW = 3  # rule of three: if 0 of n photos fail, rates up to 3 / n are within the 95 % interval

Figures = Mapping[str, Any]


def recall_sentences(figures: Figures) -> list[str]:
    """Return sentences about recall@1 and recall@5."""
    photos = figures["queries"]
    if not photos:
        return ["No photo shows a thing that is in the pack, so recall was not measured."]
    return [
        f"Of {counted(photos, 'photo')} of things in the pack, {percent(figures['recall@1'])} have the right reference "
        f"as their nearest one{_aside(figures, 'recall@1', 'recall at 1')}, and {percent(figures['recall@5'])} have it "
        f"among the nearest five{_aside(figures, 'recall@5', 'recall at 5')}."
    ]


def separation_sentences(figures: Figures) -> list[str]:
    """Return sentences about the AUROC of known against unknown things."""
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
    """Return sentences about the decisions on known and unknown things.

    Args:
        figures: FIGURES with `decisions`.
        asked_for: The false accept rate that the pack was built for; None if it is not known.
    """
    decisions = figures["decisions"]
    return [
        *_known_sentences(figures, decisions),
        *(f"{line[0].upper()}{line[1:]}." for line in words_kept(decisions)),
        *_other_sentences(figures, decisions, asked_for),
    ]


def calibration_sentences(figures: Figures) -> list[str]:
    """Return sentences about the expected calibration error and the risk at half coverage."""
    decisions = figures["decisions"]
    half, whole = (_risk(decisions, coverage) for coverage in (0.5, 1.0))
    return [
        f"The stated confidence is wrong by {100 * decisions['ece']:.1f} percentage points on average"
        f"{_aside(figures, 'ece', 'ECE')}: at 0, 70 % of the answers with a confidence of 70 % are right.",
        f"If only the most confident half of all photos were answered, {percent(half)} of the answers would be wrong; "
        f"if all were answered, {percent(whole)}.",
    ]


def words_kept(decisions: Figures) -> Iterator[str]:
    """Yield for identified and for probably the share of such answers that is right, beside what the word promises."""
    for word, promised in (("identified", "95 %"), ("probably", "75 %")):
        share = decisions[f"{word}_right_share"]
        if share is not None:
            yield f"of the answers called {word}, {percent(share)} are right; the word promises {promised}"


def accepted(not_in_pack: Figures) -> int:
    """Return how many photos of things that are not in the pack were not called unknown."""
    return int(not_in_pack["photos"] - not_in_pack["unknown"])


def percent(share: float) -> str:
    """Return a share as percent, such as `12.3 %`."""
    return f"{100 * share:.1f} %"


def _known_sentences(figures: Figures, decisions: Figures) -> list[str]:
    known = decisions["known"]
    if not known["photos"]:
        return []
    probable, ambiguous, unknown = (
        known["probably_right"] + known["probably_wrong"],
        known["ambiguous"],
        known["unknown"],
    )
    said = [
        f"Of the {counted(known['photos'], 'photo')} of things in the pack, "
        f"{_were(known['identified_right'])} identified rightly and {known['identified_wrong']} wrongly. "
        f"{_were(probable)} called probably, {known['probably_right']} of these rightly. "
        f"{_were(ambiguous)} called ambiguous; {known['ambiguous_with_right']} of these "
        f"{plural(known['ambiguous_with_right'], 'names', 'name')} the right reference among the look-alikes. "
        f"{_were(unknown)} called unknown{_aside(figures, 'false_reject_rate', 'false rejects')}."
    ]
    if decisions["right_accepted"] is not None:
        said.append(
            f"Of the photos whose nearest reference is the right one, {percent(decisions['right_identified'])} were "
            f"identified{_aside(figures, 'right_identified')}, {percent(decisions['right_named'])} identified or "
            f"called probably{_aside(figures, 'right_named')}, and {percent(decisions['right_accepted'])} "
            f"accepted{_aside(figures, 'right_accepted')}; the others were refused although right."
        )
    return said


def _were(count: int) -> str:
    return f"{count} {plural(count, 'was', 'were')}"


def _other_sentences(figures: Figures, decisions: Figures, asked_for: float | None) -> list[str]:
    others, rate = decisions["not_in_pack"], decisions["false_accept_rate"]
    if rate is None:
        return ["No photo shows a thing that is not in the pack, so false accepts were not measured."]
    count = accepted(others)
    setting = "" if asked_for is None else f"; the pack was built for {percent(asked_for)}"
    return [
        f"Of {counted(others['photos'], 'photo')} of things that are not in the pack, {_were(count)} accepted: "
        f"{percent(rate)}{_aside(figures, 'false_accept_rate', 'false accepts')}{setting}."
        f" {others['identified']} identified, {others['probably']} probably, {others['ambiguous']} ambiguous."
        f"{_none_is_not_never(count, others['photos'])}"
    ]


def _none_is_not_never(accepted: int, photos: int) -> str:
    if accepted:
        return ""
    return f" With so few photos, a rate of up to {percent(min(1.0, _FEW / photos))} cannot be excluded."


def _pairs(what: str, auroc: float) -> str:
    return (
        f"Of a photo of a thing in the pack and one of another thing, the first has the higher {what} in "
        f"{100 * auroc:.1f} of 100 pairs"
    )


def _aside(figures: Figures, name: str, label: str = "") -> str:
    """Return, in brackets, the name of a figure and its likely range."""
    interval = figures["intervals"].get(name)
    # An interval of width 0 means only that all photos agree; it is not shown.
    is_told = interval is not None and interval[0] != interval[1]
    likely = f"likely {100 * interval[0]:.1f} to {100 * interval[1]:.1f}" if is_told else ""
    inside = ", ".join(part for part in (label, likely) if part)
    return f" ({inside})" if inside else ""


def _risk(decisions: Figures, coverage: float) -> float:
    found: float = next(point["risk"] for point in decisions["risk_coverage"] if point["coverage"] == coverage)
    return found
