"""What a threshold or a correction is fitted to: the first reference of a photo, and whether it is right."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedReference:
    """The first reference of one photo.

    Attributes:
        confidence: Its confidence.
        is_right: Whether the photo shows it.
    """

    confidence: float
    is_right: bool
