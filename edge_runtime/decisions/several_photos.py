"""Several photos of the same thing, answered as one question.

    score_r = mean over the photos of the score that reference r has in each

The log-odds of the photos must not be added: the photos are not independent. If one photo is mistaken for a reference,
the next one is too. The mean is a score like any other, and the pack's own calibration decides it. The same photo given
twice gives the same answer. Where photos disagree about the first reference, the margin shrinks.

`benchmarks/together.py` compares three rules: the mean, the best score of any photo, and the answer of the photo with
the highest confidence.

    recall@1 of packages (one photo: .544)           mean   best score   surest photo
      two photos                                     .684      .648          .676
      three photos                                   .708      .664          .708
    false accepts, 423 mosaics left out of the pack
      (one photo: .031), two photos                  .028      .026          .045
    false accepts, packages left out (one photo: .10)
      two photos                                     .067      .131          .170
      three photos                                   .048      .164          .232

Only the mean stays below the false accept rate of the pack. It accepts fewer genuine photos, too: .43 of single photos,
.31 of pairs and .25 of triples. A temperature divided by the number of photos would give higher confidences, but would
count a copy of a photo as further evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_identify.edge_runtime.photos.position import Position

DEPTH = 200  # nearest references of each photo that are compared; one beyond it in all photos cannot be the answer


def mean_scores(photos: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean score of each reference among the nearest of any photo; the order of the photos does not matter.

    Args:
        photos: For each photo, the scores of its nearest references by id, at least one. A missing reference scored at
            most as much as the lowest of them, and is counted with that score.
    """
    least = [min(scores.values()) for scores in photos]
    named = dict.fromkeys(name for scores in photos for name in scores)
    return {
        name: fsum(scores.get(name, last) for scores, last in zip(photos, least, strict=True)) / len(photos)
        for name in named
    }


def middle_position(positions: Sequence[Position | None]) -> Position | None:
    """Return the medoid of the photos' positions: the position with the least sum of distances to the others.

    One wrong position among several has no effect. Ties are broken by accuracy, so the order of the photos does not
    matter. None if no photo has a position.
    """
    known = [position for position in positions if position is not None]
    if len(known) < 2:
        return known[0] if known else None
    from edge_identify.edge_runtime.photos.position import distance_m

    def apart(one: Position) -> tuple[float, float, float, float]:
        away = fsum(distance_m(one.coordinates, other.coordinates) for other in known)
        return away, one.scale_m, one.latitude, one.longitude

    return min(known, key=apart)
