"""Text from outside, safe to print: no control characters."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text with its control characters escaped: no line breaks, colours or cursor movements."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
