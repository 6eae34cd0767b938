"""Shares as options: numbers above 0 and below .5."""

from __future__ import annotations

import argparse
import math


def share_below_half(text: str) -> float:
    """Read a share above 0 and below .5.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < 0.5:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share above 0 and below 0.5, such as 0.02")
    return rate
