"""The photo's position as evidence of what it shows. It changes probabilities and never excludes a reference.

A filter by distance would be wrong for three reasons. Positions may be wrong: a cold GPS start, an image saved from a
message, a wrong `--near`. References may lack coordinates. And an unknown thing may stand beside a known one. So a
position multiplies:

    k(d)     = (1 + (d / scale)^2) ^ -1.5          nearness of a reference d metres away: 1 at d = 0, heavy tails
    crowd    = mean of k over all references with coordinates, plus 1e-8
    place    = (1 - WRONG) * k(d) / crowd + WRONG  likelihood ratio: this position for that reference against any one
    gain     = log of the mean of `place`, weighted by the shares from vision
    evidence = evidence from vision + gain

k is the bivariate Student t distribution with one degree of freedom. The division by the crowd models unknown things
and wrong positions: they are distributed as the references are. Over such positions `place` is 1 on average, so an
unknown thing gains no more than it loses, also in a dense city. The gain is at most the log of the number of
references, and at least log(WRONG). With a filter, the crowd is still that of the whole pack, and the gain is at most
the gain without the filter. So a filter never turns an unknown photo into a known one.

The constants were chosen on 414 photos of street mosaics among 4,204, with simulated positions and one view of each
photo. Recall@1 without a position was .676 (photos of another day). `benchmarks/place.py` measures the result. With
scale 100 m:

    WRONG                 .05   .1    .2    .3
    20 m away            .917  .910  .890  .883
    2 km away            .821  .814  .793  .786
    in the wrong city    .655  .655  .676  .676

Scales of 50, 100 and 200 m gave .924, .910, .883 at 20 m and .807, .814, .814 at 2 km. A normal distribution instead of
k gained nothing beyond three scales. A thousandfold change of `_ELSEWHERE` changed nothing.
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

WRONG = 0.1  # probability that a position is unrelated to the place of the photo
CANDIDATES = 200  # references that place re-ranks: recall@200 is .92 on 149 photos of another day, recall@20 .83

_ELSEWHERE = 1e-8  # added to the crowd, so that a place without any reference has a crowd above 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceEvidence:
    """The evidence of the photo's position for one reference.

    Attributes:
        distance_m: Metres from the position to the reference; None if the pack has no coordinates of it.
        score: Likelihood ratio `place` of the module's docstring, above 0; 1 is neutral.
        vision_confidence: The reference's confidence without the position, 0 to 1.
    """

    distance_m: float | None
    score: float
    vision_confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedVerdict:
    """A decision from vision and position.

    Attributes:
        verdict: The decision; its confidences are in the new order.
        order: Indices of the candidates in the new order.
    """

    verdict: Verdict
    order: tuple[int, ...]


def nearness(position: Position, coordinates: Coordinates) -> float:
    """Return k of the module's docstring, 0 to 1. It falls with the distance, and is 0 beyond `Position.reach_m`."""
    distance = distance_m(position.coordinates, coordinates)
    return 0.0 if distance > position.reach_m else (1 + (distance / position.scale_m) ** 2) ** -1.5


def mean_nearness(position: Position, within_reach: Iterable[Coordinates], located: int) -> float:
    """Return the mean nearness of all references that have coordinates: `crowd` of the module's docstring, 0 to 1.

    Args:
        position: The photo's position.
        within_reach: Coordinates of all references in `box_within_reach`.
        located: Number of references that have coordinates.
    """
    return sum(nearness(position, coordinates) for coordinates in within_reach) / max(1, located)


def place_score(position: Position, coordinates: Coordinates | None, crowd: float) -> float:
    """Return the likelihood ratio `place` of the module's docstring, at least `WRONG`.

    Args:
        position: The photo's position.
        coordinates: The reference's coordinates; None if unknown, which gives 1.
        crowd: The value of `mean_nearness`.
    """
    if coordinates is None:
        return 1.0
    return (1 - WRONG) * nearness(position, coordinates) / (crowd + _ELSEWHERE) + WRONG


def distinguishes(place_scores: Sequence[float]) -> bool:
    """Return whether the place scores differ between candidates. If not, the decision is made from vision alone."""
    return max(place_scores) > min(place_scores) * (1 + 1e-9)


def gain_of(scores: Sequence[float], place_scores: Sequence[float], calibration: Calibration) -> float:
    """Return the log-odds that a position adds to the evidence; 0 if all candidates have the same place score.

    Args:
        scores: Cosine similarities of the candidates, best first, at least one.
        place_scores: Place score of each candidate, above 0.
        calibration: Calibration of the variant that computed the scores.
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
    """Decide what a photo shows, from its scores and its position.

    Args:
        scores: Cosine similarities of the candidates, best first, at least one. May be more than the calibration's
            neighbours.
        place_scores: Place score of each candidate, above 0.
        calibration: Calibration of the variant that computed the scores.
        crowd: The scores for the evidence, as in `decide`.
        most_gain: Upper limit of the gain: the gain without a filter.
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
