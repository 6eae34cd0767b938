"""The kinds of request values that hold several texts or numbers: lists, labels and vectors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_identify.sync_server.contract.value_kinds import MAX_NAME_CHARACTERS, InvalidValueError, Text

_LABEL = re.compile(r"^[^=]*[^=\u0000-\u0020][^=]*=[\s\S]*[^\u0000-\u0020]")
_UNSEEN = "".join(map(chr, range(0x21)))  # the space and the control characters before it


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """A list of texts. A form repeats the field."""

    most: int = 50

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`."""
        return {"type": "array", "items": Text().schema(), "maxItems": self.most}

    def from_text(self, text: str) -> str:
        """See `ValueKind`. Reads one element."""
        return Text().from_text(text)

    def from_json(self, value: Any) -> tuple[str, ...]:
        """See `ValueKind`."""
        if not isinstance(value, list) or len(value) > self.most:
            raise InvalidValueError(f"is not a list of at most {self.most} texts")
        return tuple(Text().from_json(one) for one in value)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelTexts:
    """Labels as `KEY=VALUE`. A form repeats the field. The value is a mapping from keys to label values."""

    most: int = 50

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`. Both sides of the first equals sign need a visible character."""
        label = {"type": "string", "maxLength": MAX_NAME_CHARACTERS, "pattern": _LABEL.pattern}
        return {"type": "array", "items": label, "maxItems": self.most}

    def from_text(self, text: str) -> Mapping[str, tuple[str, ...]]:
        """See `ValueKind`. Reads one element."""
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
    """Label values by key, `{"category": ["crab", "fish"]}`."""

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
        """Refuse: forms use `LabelTexts`."""
        raise InvalidValueError(f"is {text[:40]!r}; it is accepted only in JSON")

    def from_json(self, value: Any) -> Mapping[str, tuple[str, ...]]:
        """See `ValueKind`."""
        if not isinstance(value, dict) or len(value) > self.most:
            raise InvalidValueError(f"is not an object of at most {self.most} label keys")
        read = {Text().from_text(kind): Texts(most=self.most).from_json(values) for kind, values in value.items()}
        if not all(read.values()):
            raise InvalidValueError("has a label key without values")
        return read


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """An embedding: 1 to `most` numbers, at least one of them not 0."""

    most: int = 8192  # the largest CLIP-family encoder in use has 1,536 dimensions

    def schema(self) -> dict[str, Any]:
        """See `ValueKind`. The schema does not express the pack's dimension, nor that one number is not 0."""
        return {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": self.most}

    def from_text(self, text: str) -> Any:
        """Refuse: a vector is accepted only in JSON."""
        raise InvalidValueError(f"is {text[:40]!r}; it is accepted only in JSON")

    def from_json(self, value: Any) -> tuple[float, ...]:
        """See `ValueKind`."""
        if not isinstance(value, list) or not 1 <= len(value) <= self.most:
            raise InvalidValueError(f"is not a list of 1 to {self.most} numbers")
        if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in value):
            raise InvalidValueError("contains a value that is not a number")
        if not any(value):
            raise InvalidValueError("is all zeros and has no direction")
        try:
            return tuple(float(number) for number in value)
        except OverflowError as error:  # a JSON integer may exceed the range of a float
            raise InvalidValueError("contains a number outside the range of a float") from error
