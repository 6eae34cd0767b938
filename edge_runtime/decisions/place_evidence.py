"""Where a photo was taken, as evidence of what it shows: soft, and never a filter.

A newcomer would drop what is far away. Positions are wrong (a cold start, a picture saved from a message, a wrong
`--near`), things have no coordinates, and the unknown thing stands beside the known one. So a position multiplies:

    k(d)     = (1 + (d / scale)^2) ^ -1.5          nearness of a reference d metres away: 1 on the spot, heavy tails
    crowd    = mean of k over all references that have coordinates, and a little
    place    = (1 - WRONG) * k(d) / crowd + WRONG  how much likelier this position is for that reference than for any
    gain     = log of the mean of `place`, weighed by vision's shares
    evidence = vision's + gain

k is the bivariate Student t of one degree of freedom. Dividing by the crowd is what keeps a dense city from proving
anything: it says that unknown things, and wrong positions, lie where references lie. Over such positions `place` is 1
on average, so an unknown thing gains no more than it loses. The log is bounded above by that of the number of
references, and below by that of `WRONG`. Where a filter leaves references out, the crowd is still the whole pack's, and
the gain is at most what it is without the filter: so nothing is known for a filter's sake.

The numbers were chosen on 414 photos of street mosaics among 4,204 with simulated positions, one view of each, recall
at 1 .676 without a position (another day's photos); `benchmarks/place.py` measures what they come to. `WRONG` .05, .1,
.2 and .3 gave .917, .910, .890 and .883 at 20 m, .821, .814, .793 and .786 at 2 km, and .655, .655, .676, .676 in the
wrong city (scale 100 m). Scales 50, 100 and 200 m gave .924, .910, .883 at 20 m and .807, .814, .814 at 2 km. With a
normal distribution instead of k nothing was gained beyond three scales; a thousandfold change of `_ELSEWHERE` changed
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.decisions.decision import Verdict, conclude, evidence_of, features_of, shares_of

if TYPE_CHECKING:
    from edge_identify.edge_runtime.decisions.calibration import Calibration
from edge_identify.edge_runtime.photos.position import Coordinates, Position, distance_m

WRONG = 0.1  # probability that a position says nothing of where the photo was taken
CANDIDATES = 200  # of vision that place may put in order: of 149 photos of another day .92 are among them, .83 of 20

_ELSEWHERE = 1e-8  # nearness that an empty place has: a reference a thousand scales away is no nearer than nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceEvidence:
    """What the photo's position says of one reference.

    Attributes:
        distance_m: From the position to the reference; None where the pack has no coordinates of it.
        score: How much likelier this position is for a photo of it than for one of any reference: 1 says nothing.
        vision_confidence: What the confidence would be without the position.
    """

    distance_m: float | None
    score: float
    vision_confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedVerdict:
    """A decision that took the position into account.

    Attributes:
        verdict: The decision; its confidences are in the new order.
        order: The new order, as positions in the old one.
    """

    verdict: Verdict
    order: tuple[int, ...]


def nearness(position: Position, coordinates: Coordinates) -> float:
    """Return k of the module's docstring, 0 to 1: never more for what is farther away, 0 out of reach."""
    distance = distance_m(position.coordinates, coordinates)
    return 0.0 if distance > position.reach_m else (1 + (distance / position.scale_m) ** 2) ** -1.5


def mean_nearness(position: Position, within_reach: Iterable[Coordinates], located: int) -> float:
    """Return the mean nearness of all references that have coordinates.

    Args:
        position: Of the photo.
        within_reach: Coordinates of all references in `box_within_reach`.
        located: References that have coordinates at all.
    """
    return sum(nearness(position, coordinates) for coordinates in within_reach) / max(1, located)


def place_score(position: Position, coordinates: Coordinates | None, crowd: float) -> float:
    """Return how much likelier the position is for a photo of this reference than for one of any reference.

    Args:
        position: Of the photo.
        coordinates: Of the reference; None says nothing, which is 1.
        crowd: As `mean_nearness` returns it.
    """
    if coordinates is None:
        return 1.0
    return (1 - WRONG) * nearness(position, coordinates) / (crowd + _ELSEWHERE) + WRONG


def distinguishes(place_scores: Sequence[float]) -> bool:
    """Return whether a position tells any of the candidates apart; if not, the decision is vision's alone."""
    return max(place_scores) > min(place_scores) * (1 + 1e-9)


def gain_of(scores: Sequence[float], place_scores: Sequence[float], calibration: Calibration) -> float:
    """Return what a position adds to the evidence, in log-odds; 0 where it tells no candidate apart.

    Args:
        scores: Similarities of the candidates, best first, at least one.
        place_scores: Of each candidate, above 0.
        calibration: Of the variant that the scores come from.
    """
    return math.log(sum(_weights(scores, place_scores, calibration))) if distinguishes(place_scores) else 0.0


def decide_with_place(
    scores: Sequence[float],
    place_scores: Sequence[float],
    calibration: Calibration,
    *,
    crowd: Sequence[float],
    most_gain: float = math.inf,
) -> PlacedVerdict:
    """Decide what a photo shows, from how it looks and where it was taken.

    Args:
        scores: Similarities of the candidates, best first, at least one; more than the calibration's neighbours.
        place_scores: Of each candidate, above 0.
        calibration: Of the variant that the scores come from.
        crowd: The scores that the evidence is made of, as `decide` takes them.
        most_gain: That the position may add to the evidence: what it adds where no filter leaves references out.
    """
    vision = evidence_of(features_of(crowd, calibration.neighbours), calibration)
    weights = _weights(scores, place_scores, calibration)
    together = sum(weights)
    order = sorted(range(len(weights)), key=lambda at: (-weights[at], at))
    verdict = conclude(
        vision + min(math.log(together), most_gain), [weights[at] / together for at in order], calibration
    )
    return PlacedVerdict(verdict=verdict, order=tuple(order))


def _weights(scores: Sequence[float], place_scores: Sequence[float], calibration: Calibration) -> list[float]:
    shares = shares_of(scores, calibration.temperature)
    return [share * place for share, place in zip(shares, place_scores, strict=True)]
