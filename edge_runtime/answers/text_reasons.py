"""Why a reference answers a text: its own words, or its picture's similarity to the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class FoundIn(StrEnum):
    """What of a reference agrees with a text."""

    ID = "id"
    NAME = "name"
    LABEL = "label"
    NAMESPACE = "namespace"
    ATTRIBUTE = "attribute"
    SIMILARITY = "similarity"  # the text encoder's embedding is near to that of its picture


@dataclass(frozen=True, slots=True, kw_only=True)
class TextReason:
    """One reason why a reference answers a text.

    Attributes:
        found_in: What agrees.
        key: The kind of label or the name of the attribute; empty for the others.
        is_exact: Whether the whole id or name equals the whole text, but for case, accents and separators.
        corrected: (typed, meant) for each word that was taken for a typing error.
    """

    found_in: FoundIn
    key: str = ""
    is_exact: bool = False
    corrected: tuple[tuple[str, str], ...] = ()


LOOKS_LIKE_IT = TextReason(found_in=FoundIn.SIMILARITY)


def reasons_in_words(reasons: Sequence[TextReason]) -> str:
    """Return the reasons on one line: `name (avocado for "avocdo"), label kind, looks like the text`."""
    return ", ".join(_in_words(reason) for reason in reasons)


def _in_words(reason: TextReason) -> str:
    if reason.found_in is FoundIn.SIMILARITY:
        return "looks like the text"
    where = f"{'exact ' if reason.is_exact else ''}{reason.found_in}" + (f" {reason.key}" if reason.key else "")
    corrected = ", ".join(f'{meant} for "{typed}"' for typed, meant in reason.corrected)
    return f"{where} ({corrected})" if corrected else where
