"""Counts in sentences: `1 image`, `2 images`."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, such as `1 image` or `2 images`.

    Args:
        count: The number.
        noun: In the singular; its plural ends with `s`.
    """
    return f"{count} {plural(count, noun)}"


def plural(count: int, noun: str, several: str | None = None) -> str:
    """Return a noun in the form that a count needs.

    Args:
        count: The number.
        noun: The form for one.
        several: The form for other numbers; None for `noun` and an `s`.
    """
    if count == 1:
        return noun
    return f"{noun}s" if several is None else several
