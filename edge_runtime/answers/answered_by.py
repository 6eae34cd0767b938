"""The protocol of everything that says which pack and which encoder answer: an identifier, or an answer itself.

Outputs take one `AnsweredBy` for all answers, or None: then several packs were asked, and each answer names its own.
"""

from __future__ import annotations

from typing import Protocol


class AnsweredBy(Protocol):
    """The pack and the encoder that answer."""

    @property
    def pack_name(self) -> str:
        """The pack's name."""

    @property
    def pack_version(self) -> str:
        """The pack's version."""

    @property
    def variant_name(self) -> str:
        """The encoder variant in use."""
