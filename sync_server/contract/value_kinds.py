"""The kinds of request values. Each kind has its limits once, for parsing and for JSON Schema.

Each class reads a value from text (form, query, path) and from decoded JSON, and returns its JSON Schema. Lists, labels
and vectors are in `collection_kinds`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")  # more digits exceed every limit
_NUMBER = re.compile(r"-?[0-9]{1,6}(\.[0-9]{1,15})?")
MAX_NAME_CHARACTERS = 500


class InvalidValueError(Exception):
    """A value is invalid. The message continues a sentence that begins with the field's name."""


class ValueKind(Protocol):
    """A kind of value."""

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""

    def from_text(self, text: str) -> Any:
        """Return the value of a form field, query parameter or path variable.

        Raises:
            InvalidValueError: The text is invalid.
        """

    def from_json(self, value: Any) -> Any:
        """Return the value of decoded JSON.

        Raises:
            InvalidValueError: The value is invalid.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer:
    """A whole number from `least` to `most`."""

    least: int
    most: int

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}

    def from_text(self, text: str) -> int:
        """See `ValueKind`."""
        if not _WHOLE_NUMBER.fullmatch(text):
            raise InvalidValueError(f"is {text[:40]!r}, not a whole number from {self.least} to {self.most}")
        return self._checked(int(text))

    def from_json(self, value: Any) -> int:
        """See `ValueKind`. 5.0 is a whole number in JSON."""
        is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not is_whole:
            raise InvalidValueError(f"is {_shown(value)}, not a whole number from {self.least} to {self.most}")
        return self._checked(int(value))

    def _checked(self, value: int) -> int:
        if not self.least <= value <= self.most:
            raise InvalidValueError(f"is {str(value)[:40]}, outside {self.least} to {self.most}")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text of at most `most` characters, with at least one visible character."""

    most: int = MAX_NAME_CHARACTERS

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`. The pattern needs one character that is neither a space nor a control character."""
        return {"type": "string", "minLength": 1, "maxLength": self.most, "pattern": "[^\\u0000-\\u0020]"}

    def from_text(self, text: str) -> str:
        """See `ValueKind`."""
        if not any(sign > " " for sign in text):
            raise InvalidValueError("is empty")
        if len(text) > self.most:
            raise InvalidValueError(f"has {len(text)} characters, more than {self.most}")
        return text

    def from_json(self, value: Any) -> str:
        """See `ValueKind`."""
        if not isinstance(value, str):
            raise InvalidValueError(f"is {_shown(value)}, not a text")
        return self.from_text(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """True or false."""

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`."""
        return {"type": "boolean"}

    def from_text(self, text: str) -> bool:
        """See `ValueKind`."""
        if text not in ("true", "false"):
            raise InvalidValueError(f"is {text[:40]!r}, not true or false")
        return text == "true"

    def from_json(self, value: Any) -> bool:
        """See `ValueKind`."""
        if not isinstance(value, bool):
            raise InvalidValueError(f"is {_shown(value)}, not true or false")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of some words.

    Attributes:
        words: The words.
        older: What older clients send, and the word that each of these texts means.
    """

    words: tuple[str, ...]
    older: Mapping[str, str] = field(default_factory=dict)

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`."""
        return {"type": "string", "enum": [*self.words, *self.older]}

    def from_text(self, text: str) -> str:
        """See `ValueKind`."""
        word = self.older.get(text, text)
        if word not in self.words:
            raise InvalidValueError(f"is {text[:40]!r}, not one of {', '.join(self.words)}")
        return word

    def from_json(self, value: Any) -> str:
        """See `ValueKind`."""
        return self.from_text(Text().from_json(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number above `above` and at most `most`."""

    above: float
    most: float

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`."""
        return {"type": "number", "exclusiveMinimum": self.above, "maximum": self.most}

    def from_text(self, text: str) -> float:
        """See `ValueKind`."""
        try:
            return self.from_json(float(text))
        except ValueError as error:
            raise InvalidValueError(f"is {text[:40]!r}, not a number") from error

    def from_json(self, value: Any) -> float:
        """See `ValueKind`."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidValueError(f"is {_shown(value)}, not a number")
        if not self.above < value <= self.most:  # false for NaN too
            raise InvalidValueError(f"is {str(value)[:40]}, not above {self.above:g} and at most {self.most:g}")
        return float(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinates:
    """A latitude and a longitude in degrees, `48.85,2.35`."""

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`."""
        degrees = {
            90: "-?([0-9]|[1-8][0-9])(\\.[0-9]{1,15})?",
            180: "-?([0-9]|[1-9][0-9]|1[0-7][0-9])(\\.[0-9]{1,15})?",
        }
        return {
            "type": "string",
            "pattern": f"^{degrees[90]},{degrees[180]}$",
            "examples": ["48.8584,2.2945"],
        }

    def from_text(self, text: str) -> tuple[float, float]:
        """See `ValueKind`. The poles and the date line are valid."""
        latitude, comma, longitude = text.partition(",")
        if not (comma and _NUMBER.fullmatch(latitude) and _NUMBER.fullmatch(longitude)):
            raise InvalidValueError(f"is {text[:40]!r}, not a latitude and a longitude such as 48.8584,2.2945")
        if abs(float(latitude)) > 90 or abs(float(longitude)) > 180:
            raise InvalidValueError(f"is {text[:40]!r}, outside -90 to 90 or -180 to 180 degrees")
        return float(latitude), float(longitude)

    def from_json(self, value: Any) -> tuple[float, float]:
        """See `ValueKind`."""
        return self.from_text(Text().from_json(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """An image file, sent as a part of a form."""

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`."""
        return {"type": "string", "format": "binary"}

    def from_text(self, text: str) -> Any:
        """Refuse: a file part has a file name."""
        raise InvalidValueError(f"is the text {text[:40]!r} and not a file; send it with a file name")

    def from_json(self, value: Any) -> Any:
        """Refuse: a file is sent as a part of a form."""
        raise InvalidValueError(f"is {_shown(value)} and not a file; send it as multipart/form-data")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFiles(ImageFile):
    """ImageFiles. The form repeats the field."""

    most: int = 20

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`."""
        return {"type": "array", "items": ImageFile().schema(), "minItems": 1, "maxItems": self.most}


def _shown(value: Any) -> str:
    return type(value).__name__ if isinstance(value, dict | list) else str(value)[:40]
