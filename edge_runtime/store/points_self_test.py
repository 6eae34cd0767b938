"""The part of the self-test for local features: the points that the net finds in one photo.

It finds faults of a client's resampling, its decoding of the maps, and its processor. A decoder may move single points,
so most must be there, not all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_identify.edge_runtime.errors import PackDamagedError, PhotoError
from edge_identify.edge_runtime.io.json_fields import JsonObject
from edge_identify.edge_runtime.pack.manifest_json import MAX_POINTS
from edge_identify.edge_runtime.pack.pack_names import checked_path
from edge_identify.edge_runtime.photos.images import open_image

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.pack_reader import Pack

FIRST_POINTS = 8

_SAME_PLACE_PX = 1.5
_LEAST_FOUND = 0.75  # of the first points. Float16 weights instead of float32 move none of them.
_COUNT_DIFFERENCE = 0.1  # as a share of the count


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsCase:
    """One photo with the points that the local-feature net finds, by the recipe for photos.

    Attributes:
        photo: Path of the photo in the pack.
        count: Number of points.
        first: Positions (x, y) of the highest scores in the photo's pixels, best first.
    """

    photo: str
    count: int
    first: tuple[tuple[float, float], ...]

    def as_json(self) -> dict[str, Any]:
        """Return the object of `cases.json`."""
        return {
            "photo": self.photo,
            "count": self.count,
            "first": [[round(x, 2), round(y, 2)] for x, y in self.first],
        }


def parse_points_case(fields: JsonObject) -> PointsCase:
    """Read the object of `cases.json`.

    Raises:
        PackFormatError: A field is missing or out of range.
    """
    numbers = fields.numbers_of_lists("first", length=2)
    return PointsCase(
        photo=checked_path(fields.text("photo")),
        count=fields.integer("count", least=1, most=MAX_POINTS),
        first=tuple((x, y) for x, y in numbers),
    )


def check_points(pack: Pack, case: PointsCase) -> None:
    """Find the points of the photo on this device.

    Raises:
        PackDamagedError: Other points are found, the photo cannot be used, or the net cannot be loaded.
    """
    import numpy as np

    from edge_identify.edge_runtime.search.geometry.local_feature_net import open_feature_net

    net = open_feature_net(pack)
    if net is None:
        return
    try:
        found = net.find_points(open_image(pack.file(case.photo)), net.spec.photo).positions
    except PhotoError as error:
        raise PackDamagedError(f"pack {pack.manifest.name}: self-test photo cannot be used: {error}") from error
    distances = np.abs(np.array(case.first)[:, None] - found[None]).max(axis=2).min(axis=1, initial=np.inf)
    there = float((distances <= _SAME_PLACE_PX).mean())
    if there < _LEAST_FOUND or abs(len(found) - case.count) > _COUNT_DIFFERENCE * case.count:
        raise PackDamagedError(
            f"pack {pack.manifest.name}: the local-feature net finds {len(found)} points in self-test photo "
            f"{case.photo} ({case.count} expected), and {there:.0%} of the expected first ones (at least "
            f"{_LEAST_FOUND:.0%} needed): it computes something else on this device"
        )
