"""Text from outside, safe to print: no control characters."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return text from outside as it may reach a terminal: no line breaks, colours or cursor movements."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
