"""The checked values of one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file in a request.

    Attributes:
        name: The file name that the client sent, for messages and answers.
        data: Its bytes, at least one.
    """

    name: str
    data: bytes


class RequestValues:
    """Values by field name. Each method reads the kind of value that its name says."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        """Take values that were checked."""
        self._values = values

    def has(self, name: str) -> bool:
        """Return whether the request has a value."""
        return self._values.get(name) is not None

    def integer(self, name: str) -> int:
        """Return an `Integer`."""
        return int(self._values[name])

    def text(self, name: str) -> str:
        """Return a `Text` or a `Choice`."""
        return str(self._values[name])

    def optional_text(self, name: str) -> str | None:
        """Return a `Text`, or None if absent."""
        return self.text(name) if self.has(name) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return `Texts`; empty if absent."""
        return tuple(self._values.get(name) or ())

    def truth(self, name: str) -> bool:
        """Return a `Truth`; False if absent."""
        return bool(self._values.get(name))

    def number(self, name: str) -> float | None:
        """Return a `Number`, or None if absent."""
        return float(self._values[name]) if self.has(name) else None

    def coordinates(self, name: str) -> tuple[float, float] | None:
        """Return `Coordinates` (latitude, longitude in degrees), or None if absent."""
        return self._values[name] if self.has(name) else None

    def labels(self, name: str) -> Mapping[str, tuple[str, ...]]:
        """Return `Labels` or `LabelTexts`: values by label key; empty if absent."""
        return self._values.get(name) or {}

    def vector(self, name: str) -> tuple[float, ...]:
        """Return a `Vector`."""
        return tuple(self._values[name])

    def images(self, name: str) -> tuple[Upload, ...]:
        """Return `ImageFiles`, at least one."""
        return tuple(self._values[name])

    def image(self, name: str) -> Upload:
        """Return an `ImageFile`."""
        upload: Upload = self._values[name]
        return upload
