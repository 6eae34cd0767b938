"""Amounts of bytes on the command line: `500k`, `2M`, `1.5G`, in powers of 1000."""

from __future__ import annotations

import argparse
import re

_AMOUNT = re.compile(r"(?P<number>[0-9]{1,12}(\.[0-9]{1,6})?)(?P<unit>[kKmMgG]?)[bB]?")
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_LEAST_RATE = 10_000  # bytes per second; below a tenth of that, a download counts as stalled


def byte_amount(text: str) -> int:
    """Return the bytes that a text such as `500M` means.

    Raises:
        argparse.ArgumentTypeError: It is no such amount.
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of bytes; write one such as 500k, 2M or 1.5G")
    return round(float(match["number"]) * _FACTORS[match["unit"].lower()])


def byte_rate(text: str) -> int:
    """Return the bytes per second that a text such as `500k` means.

    Raises:
        argparse.ArgumentTypeError: It is no amount, or so low that a download would count as stalled.
    """
    rate = byte_amount(text)
    if rate < _LEAST_RATE:
        raise argparse.ArgumentTypeError(f"{text!r} is too slow; the least rate is 10k")
    return rate
