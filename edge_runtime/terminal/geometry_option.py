"""`--verify-geometry [MODE]`, an option of the commands that identify photos."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

OPTION = "--verify-geometry"
AUTO, ALWAYS, NEVER = "auto", "always", "never"  # the values of `search.geometry.cascade.GeometryMode`
_MODES = (AUTO, ALWAYS, NEVER)


def add_geometry_mode(group: argparse._ArgumentGroup | argparse.ArgumentParser) -> None:
    """Add the option. The command line must pass `joined_geometry_mode` first."""
    group.add_argument(
        OPTION,
        choices=_MODES,
        default=AUTO,
        metavar="MODE",
        help="compare local features of the photo with those of the ten most similar references. auto (default): if "
        "similarity alone does not identify the photo, and the pack was calibrated for it; always (the same as the "
        "option alone): also with older packs that have thumbnails, which needs the extra [geometry]; never",
    )


def joined_geometry_mode(words: Sequence[str]) -> list[str]:
    """Return a command line with the option and its mode as one word; `always` for the option alone.

    The word after the option alone may be a photo, and argparse would take it for the mode.
    """
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == OPTION and word in _MODES:
            joined[-1] = f"{OPTION}={word}"
        else:
            joined.append(word)
    return [f"{OPTION}={ALWAYS}" if word == OPTION else word for word in joined]
