"""Where a photo was taken: coordinates, how accurate they are, distances, and the part of a map within reach."""

from __future__ import annotations

import math
from dataclasses import dataclass

MAX_ACCURACY_M = 1_000_000.0  # a country; whoever knows less knows nothing


_USUAL_ACCURACY_M = 50.0  # of a position that does not say how good it is


_APART_M = 30.0  # between who takes a photo and what it shows, and of the reference's own coordinates


_REACH_SCALES = 1000.0  # beyond, nearness is 0; it would be 1e-9


# IUGG mean radius; Moritz, "Geodetic Reference System 1980", Journal of Geodesy 74 (2000), R1.
_EARTH_RADIUS_M = 6_371_008.8


Coordinates = tuple[float, float]  # latitude and longitude, WGS 84 degrees


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a photo was taken.

    Attributes:
        latitude: WGS 84 degrees, -90 to 90.
        longitude: WGS 84 degrees, -180 to 180.
        accuracy_m: Of the position, in metres, above 0; None where it was not told.
        source: Where it comes from: `photo` (its EXIF) or `given`.

    Raises:
        ValueError: A number is out of range, or none.
    """

    latitude: float
    longitude: float
    accuracy_m: float | None = None
    source: str = "given"

    def __post_init__(self) -> None:
        if not -90 <= self.latitude <= 90:
            raise ValueError(f"latitude {self.latitude:g} is outside -90 to 90")
        if not -180 <= self.longitude <= 180:
            raise ValueError(f"longitude {self.longitude:g} is outside -180 to 180")
        if self.accuracy_m is not None and not 0 < self.accuracy_m <= MAX_ACCURACY_M:
            raise ValueError(f"accuracy {self.accuracy_m:g} m is not above 0 and at most {MAX_ACCURACY_M:.0f}")

    @property
    def coordinates(self) -> Coordinates:
        """Latitude and longitude."""
        return self.latitude, self.longitude

    @property
    def scale_m(self) -> float:
        """Distance at which nearness has fallen to .35."""
        return math.hypot(self.accuracy_m or _USUAL_ACCURACY_M, _APART_M)

    @property
    def reach_m(self) -> float:
        """Distance beyond which nearness is 0."""
        return _REACH_SCALES * self.scale_m


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """The part of a map that holds all within reach: a band of latitudes, and one or two ranges of longitudes."""

    south: float
    north: float
    longitudes: tuple[tuple[float, float], ...]


def distance_m(one: Coordinates, other: Coordinates) -> float:
    """Return the great-circle distance in metres, by the haversine formula; off by about .5 %: the Earth is no ball.

    Source: R. W. Sinnott, "Virtues of the Haversine", Sky and Telescope 68 (2), 1984, p. 159.
    """
    south, north = math.radians(one[0]), math.radians(other[0])
    half_turn = math.radians(other[1] - one[1]) / 2
    square = math.sin((north - south) / 2) ** 2 + math.cos(south) * math.cos(north) * math.sin(half_turn) ** 2
    return 2 * _EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, square)))


def box_within_reach(position: Position) -> Box:
    """Return a part of the map that holds everything with a nearness above 0, and perhaps more."""
    angle = position.reach_m / _EARTH_RADIUS_M
    degrees = math.degrees(angle)
    south, north = position.latitude - degrees, position.latitude + degrees
    if south <= -90 or north >= 90:  # around a pole every longitude is near
        return Box(south=max(south, -90.0), north=min(north, 90.0), longitudes=((-180.0, 180.0),))
    # Where a great circle touches a meridian: J. P. Matuschek, "Finding Points Within a Distance", section 3.3.
    aside = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(position.latitude)))))
    west, east = position.longitude - aside, position.longitude + aside
    if west < -180:
        return Box(south=south, north=north, longitudes=((-180.0, east), (west + 360, 180.0)))
    if east > 180:
        return Box(south=south, north=north, longitudes=((west, 180.0), (-180.0, east - 360)))
    return Box(south=south, north=north, longitudes=((west, east),))
