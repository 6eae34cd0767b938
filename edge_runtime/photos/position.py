"""Positions: coordinates with their accuracy, distances, and the box of the map within reach of a position."""

from __future__ import annotations

import math
from dataclasses import dataclass

MAX_ACCURACY_M = 1_000_000.0  # the size of a country; a less accurate position says nothing

_USUAL_ACCURACY_M = 50.0  # assumed where a position has no accuracy
_APART_M = 30.0  # from the camera to the thing, together with the error of the reference's coordinates
_REACH_SCALES = 1000.0  # nearness beyond it would be 1e-9, and is taken as 0

# IUGG mean radius; Moritz, "Geodetic Reference System 1980", Journal of Geodesy 74 (2000), R1.
_EARTH_RADIUS_M = 6_371_008.8

Coordinates = tuple[float, float]  # latitude and longitude, WGS 84 degrees


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a photo was taken.

    Attributes:
        latitude: WGS 84 degrees, -90 to 90.
        longitude: WGS 84 degrees, -180 to 180.
        accuracy_m: Radius of uncertainty in metres, above 0; None if unknown.
        source: Where the position comes from: `photo` (its EXIF) or `given` (by the user).

    Raises:
        ValueError: A number is out of range or NaN.
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
        """Distance in metres at which nearness is .35 (2 ^ -1.5)."""
        return math.hypot(self.accuracy_m or _USUAL_ACCURACY_M, _APART_M)

    @property
    def reach_m(self) -> float:
        """Distance in metres beyond which nearness is 0."""
        return _REACH_SCALES * self.scale_m


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box of the map that contains all points within reach of a position.

    Attributes:
        south: Lowest latitude, WGS 84 degrees.
        north: Highest latitude.
        longitudes: One (west, east) range, or two where the box crosses the date line.
    """

    south: float
    north: float
    longitudes: tuple[tuple[float, float], ...]


def distance_m(one: Coordinates, other: Coordinates) -> float:
    """Return the great-circle distance in metres, by the haversine formula.

    It treats the Earth as a sphere, so it is off by up to about .5 %.

    Source: R. W. Sinnott, "Virtues of the Haversine", Sky and Telescope 68 (2), 1984, p. 159.
    """
    south, north = math.radians(one[0]), math.radians(other[0])
    half_turn = math.radians(other[1] - one[1]) / 2
    square = math.sin((north - south) / 2) ** 2 + math.cos(south) * math.cos(north) * math.sin(half_turn) ** 2
    return 2 * _EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, square)))


def box_within_reach(position: Position) -> Box:
    """Return a box that contains every point with a nearness above 0; it may contain others."""
    angle = position.reach_m / _EARTH_RADIUS_M
    degrees = math.degrees(angle)
    south, north = position.latitude - degrees, position.latitude + degrees
    if south <= -90 or north >= 90:  # the box contains a pole, so it spans all longitudes
        return Box(south=max(south, -90.0), north=min(north, 90.0), longitudes=((-180.0, 180.0),))
    # Where a great circle touches a meridian: J. P. Matuschek, "Finding Points Within a Distance", section 3.3.
    aside = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(position.latitude)))))
    west, east = position.longitude - aside, position.longitude + aside
    if west < -180:
        return Box(south=south, north=north, longitudes=((-180.0, east), (west + 360, 180.0)))
    if east > 180:
        return Box(south=south, north=north, longitudes=((west, 180.0), (-180.0, east - 360)))
    return Box(south=south, north=north, longitudes=((west, east),))
