"""Several photos of one and the same thing, as one question.

    score_r = mean over the photos of the score that reference r has in each

A newcomer would take each photo for evidence of its own and let their log-odds add up. Photos of one thing share its
look-alikes: what is mistaken for a reference once is mistaken for it again. A mean is a score as any other, decided
by the pack's own calibration: the same photo twice says what it says once, and where photos disagree about the first
reference there is less of a margin, not more.

`benchmarks/together.py` measures it, against the best score of any photo and the answer of the surest photo. Recall at
1 of packages: .544 by one photo; .684, .648 and .676 by two; .708, .664 and .708 by three. Strangers, 423 mosaics left
out of the pack, two pictures each: .031 of single photos are accepted, .028 of the means, .026 and .045 in the other
ways. Where .10 of the single photos of left-out packages may pass, .067 and .048 of two and three do by the mean, .131
and .164 by the best score, .170 and .232 by the surest photo: only the mean keeps a pack's promise. It accepts fewer
of the right ones, too (.43, .31, .25). A temperature divided by the number of photos would share confidences out more
boldly, and make a copy of a photo count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_identify.edge_runtime.photos.position import Position

DEPTH = 200  # references of each photo that are looked at: one that is past it in all photos is no answer


def mean_scores(photos: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean score of each reference that any photo is near to; the order of the photos changes nothing.

    Args:
        photos: Of each, the scores of its nearest references by id, at least one. A reference that is missing scored
            at most as much as the last of them, and is taken to have scored that.
    """
    least = [min(scores.values()) for scores in photos]
    named = dict.fromkeys(name for scores in photos for name in scores)
    return {
        name: fsum(scores.get(name, last) for scores, last in zip(photos, least, strict=True)) / len(photos)
        for name in named
    }


def middle_position(positions: Sequence[Position | None]) -> Position | None:
    """Return where a thing was photographed: of the photos' positions the one that is nearest to all of them.

    One wrong position among several is passed over. Of equally near ones the most accurate is taken; their order
    changes nothing. None where no photo has a position.
    """
    known = [position for position in positions if position is not None]
    if len(known) < 2:
        return known[0] if known else None
    from edge_identify.edge_runtime.photos.position import distance_m

    def apart(one: Position) -> tuple[float, float, float, float]:
        away = fsum(distance_m(one.coordinates, other.coordinates) for other in known)
        return away, one.scale_m, one.latitude, one.longitude

    return min(known, key=apart)
