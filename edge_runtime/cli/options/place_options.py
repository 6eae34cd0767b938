"""`--near`, `--accuracy` and `--no-location`: where photos were taken.

The EXIF position of a photo is used unless `--no-location` is given. A position changes probabilities; it excludes no
reference.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_identify.edge_runtime.photos.prepared_photos import PositionOf

_NEAR = "--near"


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Add `--near`, `--accuracy` and `--no-location`."""
    group = parser.add_argument_group("position", "References near the photo's position become more probable.")
    group.add_argument(
        _NEAR,
        type=_coordinates,
        metavar="LAT,LNG",
        help="position of all photos in degrees, such as 48.8584,2.2945 (default: the EXIF position of each photo)",
    )
    group.add_argument("--accuracy", type=_accuracy, metavar="M", help="accuracy of --near, metres (default: about 50)")
    group.add_argument("--no-location", action="store_true", help="use no position, neither --near nor EXIF")


def check_place_options(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """End the program with a usage error for `--accuracy` without `--near`."""
    if options.accuracy is not None and options.near is None:
        parser.error("--accuracy needs --near")


def joined_coordinates(words: list[str]) -> list[str]:
    """Return a command line with `--near -33.8,151.2` joined to one word: argparse reads a minus as an option."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == _NEAR and word[:1] == "-" and word[1:2] in tuple("0123456789."):
            joined[-1] = f"{_NEAR}={word}"
        else:
            joined.append(word)
    return joined


def chosen_positions(options: argparse.Namespace) -> PositionOf | None:
    """Return the function that gives a photo's position; None with `--no-location`."""
    if options.no_location:
        return None
    if options.near is not None:
        from edge_identify.edge_runtime.photos.position import Position  # 2 ms to import

        latitude, longitude = options.near
        given = Position(latitude=latitude, longitude=longitude, accuracy_m=options.accuracy, source="given")
        return lambda _: given
    from edge_identify.edge_runtime.photos.prepared_photos import exif_position_of

    return exif_position_of


def _coordinates(text: str) -> tuple[float, float]:
    from edge_identify.edge_runtime.photos.position import Position

    latitude, comma, longitude = text.partition(",")
    try:
        if not comma:
            raise ValueError("there is no comma")
        found = Position(latitude=float(latitude), longitude=float(longitude))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a latitude and a longitude in degrees, such as 48.8584,2.2945 ({error})"
        ) from error
    return found.coordinates


def _accuracy(text: str) -> float:
    from edge_identify.edge_runtime.photos.position import Position

    try:
        metres = float(text)
        Position(latitude=0, longitude=0, accuracy_m=metres)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a distance in metres, such as 100 ({error})") from error
    return metres
