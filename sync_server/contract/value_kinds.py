"""The kinds of value that a request may hold: each reads one from text or from JSON, and says its JSON Schema.

A newcomer would write the check here and the schema there, and they would part. Here a kind's limits stand once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")  # more digits are outside of every limit
_NUMBER = re.compile(r"-?[0-9]{1,6}(\.[0-9]{1,15})?")
_LABEL = re.compile(r"^[^=]*[^=\u0000-\u0020][^=]*=[\s\S]*[^\u0000-\u0020]")
_UNSEEN = "".join(map(chr, range(0x21)))  # the space and the control characters before it
_MAX_NAME_CHARACTERS = 500


class InvalidValueError(Exception):
    """A value is not of its kind; the message goes after the field's name."""


class ValueKind(Protocol):
    """A kind of value."""

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""

    def from_text(self, text: str) -> Any:
        """Return the value that a form field or a query parameter says.

        Raises:
            InvalidValueError: It says none.
        """

    def from_json(self, value: Any) -> Any:
        """Return the value that decoded JSON says.

        Raises:
            InvalidValueError: It says none.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer:
    """A whole number within limits."""

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
        """See `ValueKind`; 5.0 is a whole number in JSON."""
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
    """A text with something to see in it."""

    most: int = _MAX_NAME_CHARACTERS

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`. The pattern asks for one character that is neither a space nor a control character."""
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
        if not self.above < value <= self.most:  # NaN is refused, too
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
        """See `ValueKind`; the poles and the date line are taken, too."""
        latitude, comma, longitude = text.partition(",")
        if not (comma and _NUMBER.fullmatch(latitude) and _NUMBER.fullmatch(longitude)):
            raise InvalidValueError(f"is {text[:40]!r}, not a latitude and a longitude such as 48.8584,2.2945")
        if abs(float(latitude)) > 90 or abs(float(longitude)) > 180:
            raise InvalidValueError(f"is {text[:40]!r}, which is nowhere on Earth")
        return float(latitude), float(longitude)

    def from_json(self, value: Any) -> tuple[float, float]:
        """See `ValueKind`."""
        return self.from_text(Text().from_json(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Some texts; a form repeats the field."""

    most: int = 50

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`."""
        return {"type": "array", "items": Text().schema(), "maxItems": self.most}

    def from_text(self, text: str) -> str:
        """See `ValueKind`; of one of them."""
        return Text().from_text(text)

    def from_json(self, value: Any) -> tuple[str, ...]:
        """See `ValueKind`."""
        if not isinstance(value, list) or len(value) > self.most:
            raise InvalidValueError(f"is not a list of at most {self.most} texts")
        return tuple(Text().from_json(one) for one in value)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelTexts:
    """Some labels, each `KEY=VALUE`; a form repeats the field. Read, they are values by kind of label."""

    most: int = 50

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`. On each side of the first equals sign stands something to see."""
        label = {"type": "string", "maxLength": _MAX_NAME_CHARACTERS, "pattern": _LABEL.pattern}
        return {"type": "array", "items": label, "maxItems": self.most}

    def from_text(self, text: str) -> Mapping[str, tuple[str, ...]]:
        """See `ValueKind`; of one of them."""
        return self.from_json([text])

    def from_json(self, value: Any) -> Mapping[str, tuple[str, ...]]:
        """See `ValueKind`."""
        by_kind: dict[str, tuple[str, ...]] = {}
        for text in Texts(most=self.most).from_json(value):
            if not _LABEL.search(text):
                raise InvalidValueError(f"is {text[:40]!r}; write KEY=VALUE, such as category=crab")
            kind, _, label = text.partition("=")
            key = kind.strip(_UNSEEN)
            by_kind[key] = (*by_kind.get(key, ()), label.strip(_UNSEEN))
        return by_kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Values by kind of label, `{"category": ["crab", "fish"]}`."""

    most: int = 20

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`."""
        values = {"type": "array", "items": Text().schema(), "minItems": 1, "maxItems": self.most}
        return {
            "type": "object",
            "additionalProperties": values,
            "propertyNames": Text().schema(),
            "maxProperties": self.most,
        }

    def from_text(self, text: str) -> Any:
        """Refuse: a form says labels one by one, as `Texts`."""
        raise InvalidValueError(f"is {text[:40]!r}; it is only said in JSON")

    def from_json(self, value: Any) -> Mapping[str, tuple[str, ...]]:
        """See `ValueKind`."""
        if not isinstance(value, dict) or len(value) > self.most:
            raise InvalidValueError(f"is not an object of at most {self.most} kinds of label")
        read = {Text().from_text(kind): Texts(most=self.most).from_json(values) for kind, values in value.items()}
        if not all(read.values()):
            raise InvalidValueError("has a kind of label without values")
        return read


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """An embedding: numbers, of which not all are 0."""

    most: int = 8192  # numbers; the largest CLIP-family encoder in use makes 1,536

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`; how many numbers a pack's have, and that some are not 0, the schema leaves out."""
        return {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": self.most}

    def from_text(self, text: str) -> Any:
        """Refuse: a vector is only said in JSON."""
        raise InvalidValueError(f"is {text[:40]!r}; it is only said in JSON")

    def from_json(self, value: Any) -> tuple[float, ...]:
        """See `ValueKind`."""
        if not isinstance(value, list) or not 1 <= len(value) <= self.most:
            raise InvalidValueError(f"is not a list of 1 to {self.most} numbers")
        if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in value):
            raise InvalidValueError("holds something that is no number")
        if not any(value):
            raise InvalidValueError("is all zeros, which points nowhere")
        try:
            return tuple(float(number) for number in value)
        except OverflowError as error:  # JSON's whole numbers have no end, floats do
            raise InvalidValueError("holds a number beyond any that can be meant") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """A picture's file, sent as a part of a form."""

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`."""
        return {"type": "string", "format": "binary"}

    def from_text(self, text: str) -> Any:
        """Refuse: a file is a part with a file name."""
        raise InvalidValueError(f"is the text {text[:40]!r} and not a file; send it with a file name")

    def from_json(self, value: Any) -> Any:
        """Refuse: a file is sent as a part of a form."""
        raise InvalidValueError(f"is {_shown(value)} and not a file; send it as multipart/form-data")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFiles(ImageFile):
    """ImageFiles' files, each a part of a form; the field is repeated."""

    most: int = 20

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`."""
        return {"type": "array", "items": ImageFile().schema(), "minItems": 1, "maxItems": self.most}


def _shown(value: Any) -> str:
    return type(value).__name__ if isinstance(value, dict | list) else str(value)[:40]
