"""An image that a run skipped, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedImage:
    """An image that could not be used.

    Attributes:
        path: Its file.
        reason: One line that begins with the path.
    """

    path: Path
    reason: str
