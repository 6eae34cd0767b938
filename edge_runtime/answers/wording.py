"""Answers in words: the decision, its probability and the reason. The screen and the HTML report use the same words.

The four decisions are the only words of certainty. Beside them stands a percentage.

Trap: a similarity of .92 is not "92%". Only a calibrated pack gives probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.decisions.decision import Decision

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification, Match
    from edge_identify.edge_runtime.decisions.look_alikes import LookAlikes
    from edge_identify.edge_runtime.pack.references import Reference
    from edge_identify.edge_runtime.photos.position import Position


def decision_in_words(found: Identification) -> str:
    """Return the decision and the probability of the named reference in a few words."""
    if found.verdict is None:
        return "not calibrated, the nearest"
    if found.verdict.decision is Decision.UNKNOWN:
        return "unknown"
    if found.look_alikes is not None:
        return f"ambiguous, {_one_of(found.look_alikes)}"
    check = ": check it" if found.verdict.decision is Decision.PROBABLY else ""
    return f"{found.verdict.decision}, {found.verdict.confidences[0]:.0%}{check}"


def text_answer_in_words(found: Identification) -> str:
    """Return in a few words how a text was answered."""
    if not found.matches:
        return "nothing found"
    return "the best matches" if any(match.has_similarity for match in found.matches) else "found by words"


def _one_of(alike: LookAlikes) -> str:
    shared = [text for text in (alike.namespace, *alike.labels.values()) if text]
    common = f", all {' · '.join(shared)}" if shared else ""
    return f"one of {len(alike.references)} look-alikes{common}"


def reason(found: Identification) -> str:
    """Return in a sentence why the decision is what it is."""
    best = found.matches[0].score
    ahead = None if len(found.matches) < 2 else best - found.matches[1].score
    if found.verdict is None:
        return "this pack has no calibration for its encoder, so a similarity (1 is identical) is all that is known"
    known = f"{found.verdict.known_probability:.0%} that it is something in the pack"
    if found.verdict.decision is Decision.UNKNOWN:
        by = "" if ahead is None or round(ahead, 2) <= 0 else f", {ahead:.2f} more than the next"
        return f"no known thing looks similar enough: the nearest has similarity {best:.2f}{by} ({known})"
    if found.verdict.decision is Decision.AMBIGUOUS:
        between = "they look alike" if ahead is None else f"only {abs(ahead):.2f} in similarity between the first two"
        return f"{between}: too little to tell which it is ({known})"
    speaks_for = _points_ahead(found.matches) or _what_speaks_for_the_first(found.matches[0], ahead)
    if found.verdict.decision is Decision.PROBABLY:
        return f"{speaks_for}: too little to be certain ({known})"
    return speaks_for


def _points_ahead(matches: Sequence[Match]) -> str:
    """Return by how many points the first match is ahead; empty if its points were not compared or are not more."""
    first, *others = (match.matched_points or 0 for match in matches)
    next_most = max(others, default=0)
    if first <= next_most:
        return ""
    beside = f", {next_most} of another reference" if others else ""
    return f"{first} points of its image agree with the photo{beside} (similarity {matches[0].score:.2f})"


def _what_speaks_for_the_first(first: Match, ahead: float | None) -> str:
    if ahead is None:
        return f"no known thing looks as similar ({first.score:.2f}; 1 is identical)"
    if round(ahead, 2) <= 0:
        return f"others look as similar ({first.score:.2f}; 1 is identical){_what_else_speaks_for(first)}"
    return f"stands out from the runner-up by {ahead:.2f} in similarity ({first.score:.2f}; 1 is identical)"


def _what_else_speaks_for(match: Match) -> str:
    told = [
        "its points agree" if match.matched_points else "",
        "where the photo was taken speaks for it" if match.place is not None else "",
    ]
    return "".join(f", and {text}" for text in told if text)


def kind_in_words(found: Identification) -> str:
    """Return the kind of thing that the photo probably shows; empty if the thing itself is identified."""
    kind = found.likely_kind
    return "" if kind is None else f"kind: probably {kind.value} ({kind.label}), {kind.probability:.0%}"


def together_in_words(photos: Sequence[str]) -> str:
    """Return the photos that were answered together; empty for one photo."""
    if len(photos) < 2:
        return ""
    return f"from {len(photos)} photos of the same thing: {', '.join(photos)}; similarities are their means"


def own_in_words(match: Match) -> str:
    """Return that a match is the person's own, not the pack's; empty if it is the pack's."""
    return "your own: taught on this device, not part of the pack" if match.is_own else ""


def points_in_words(found: Identification) -> str:
    """Return the number of matched points of the first reference; empty if geometry was not verified."""
    count = found.matches[0].matched_points if found.matches else None
    if count is None or (found.is_named and _points_ahead(found.matches)):  # the reason tells them
        return ""
    if count == 0:
        return "points: none of its picture agree with the photo, or no more than chance brings"
    return f"points: {count} of its picture agree with the photo"


def places_in_words(found: Identification, *, with_coordinates: bool) -> list[str]:
    """Return where the photo was taken and the effect on each match, a line each.

    Args:
        found: The answer.
        with_coordinates: Include the photo's coordinates, distances and odds. A report that is kept or passed on has
            none of them: three distances to references, whose places are in the pack, give the photo's position.
    """
    if found.position is None:
        return []
    where = _where(found.position, with_coordinates=with_coordinates)
    if found.verdict is None:
        return [f"{where}; not used, because this pack has no calibration for its encoder"]
    if all(match.place is None for match in found.matches):
        return [f"{where}, which tells nothing apart here"]
    if not with_coordinates:
        return [f"{where}; taken into account (a page names no distances, since they tell where the photo was taken)"]
    return [where, *(_place_in_words(match) for match in found.matches if match.place is not None)]


def _where(position: Position, *, with_coordinates: bool) -> str:
    source = "the photo says" if position.source == "photo" else "given"
    accuracy = "" if position.accuracy_m is None else f", within {metres(position.accuracy_m)}"
    if not with_coordinates:
        return f"place: {'as ' if position.source == 'photo' else ''}{source}{accuracy}"
    return f"place: {position.latitude:.5f}, {position.longitude:.5f} ({source}{accuracy})"


def _place_in_words(match: Match) -> str:
    place = match.place
    assert place is not None, "the caller leaves out matches without"
    away = "of unknown place" if place.distance_m is None else f"{metres(place.distance_m)} away"
    times = f"{place.score:.1f}" if place.score < 10 else f"{place.score:.0f}"
    return (
        f"{match.rank}: looks {place.vision_confidence:.0%}, {away} (odds x {times}), together {match.confidence:.0%}"
    )


def metres(distance_m: float) -> str:
    """Return a distance for people: 40 m, 2.3 km, 510 km."""
    if distance_m < 999.5:
        return f"{distance_m:.0f} m"
    return f"{distance_m / 1000:.1f} km" if distance_m < 9950 else f"{distance_m / 1000:.0f} km"


def pack_in_words(found: Identification) -> str:
    """Return which of several packs an answer is from."""
    return f"pack: {found.pack_name} {found.pack_version}"


def filters_in_words(found: Identification) -> str:
    """Return the filters; empty without filters."""
    if not found.filters:
        return ""
    from edge_identify.edge_runtime.pack.filters import describe_filters

    return f"only among: {describe_filters(found.filters)}"


def facts(reference: Reference) -> list[str]:
    """Return the facts of a reference beside its name, a line each: namespace and labels, coordinates, URL."""
    identifier = reference.id if reference.id != reference.name else ""
    kind = " · ".join(text for text in (identifier, what_it_is(reference)) if text)
    return [text for text in (kind, location(reference), reference.url or "") if text]


def what_it_is(reference: Reference) -> str:
    """Return a reference's namespace and labels."""
    return " · ".join(text for text in (reference.namespace, *reference.labels.values()) if text)


def location(reference: Reference) -> str:
    """Return a reference's latitude and longitude in degrees; empty if unknown."""
    if reference.latitude is None or reference.longitude is None:
        return ""
    return f"{reference.latitude:.5f}, {reference.longitude:.5f}"  # the fifth digit is a metre
