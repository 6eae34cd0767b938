"""Typed access to JSON from outside; every error message names the field.

Every manifest, listing and stored record is read through this module. So the rest of the code holds valid values and
never checks whether a key exists. Unknown fields are ignored, since a newer writer may add some.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from edge_identify.edge_runtime.errors import PackFormatError


@dataclass(frozen=True, slots=True)
class JsonObject:
    """A JSON object and its location, for messages.

    Attributes:
        values: The decoded object.
        where: Its file and path in the document, such as `pack.json.encoders.image`.
    """

    values: dict[str, Any]
    where: str

    def text(self, key: str) -> str:
        """Return a string field; raise `PackFormatError` if it is absent, no string, or not encodable as UTF-8."""
        return self._writable(key, self._get(key, str))

    def optional_text(self, key: str) -> str | None:
        """Return a string field, or None where it is absent or null."""
        return None if self.values.get(key) is None else self.text(key)

    def integer(self, key: str, *, least: int = 0, most: int = 2**53) -> int:
        """Return a whole number within [least, most]; raise `PackFormatError` otherwise."""
        value: int = self._get(key, int)
        if isinstance(value, bool) or not least <= value <= most:
            raise PackFormatError(f"{self.where}: `{key}` is {value}, outside {least} to {most}")
        return value

    def number(self, key: str) -> float:
        """Return a number as float; raise `PackFormatError` if it is absent or no number."""
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(key, "a number")
        return self._as_float(key, value)

    def share(self, key: str) -> float:
        """Return a number from 0 to 1; raise `PackFormatError` otherwise."""
        value = self.number(key)
        if not 0 <= value <= 1:
            raise PackFormatError(f"{self.where}: `{key}` is {value}, outside 0 to 1")
        return value

    def optional_number(self, key: str) -> float | None:
        """Return a number as float, or None where it is absent or null."""
        return None if self.values.get(key) is None else self.number(key)

    def truth(self, key: str) -> bool:
        """Return a boolean field; raise `PackFormatError` otherwise."""
        return self._get(key, bool)  # type: ignore[no-any-return]

    def object(self, key: str) -> JsonObject:
        """Return a nested object; raise `PackFormatError` otherwise."""
        return JsonObject(self._get(key, dict), f"{self.where}.{key}")

    def objects(self, key: str) -> Iterator[JsonObject]:
        """Yield the objects of a list field; raise `PackFormatError` if an entry is no object."""
        for position, value in enumerate(self._get(key, list)):
            where = f"{self.where}.{key}[{position}]"
            if not isinstance(value, dict):
                raise PackFormatError(f"{where}: expected an object, found {type(value).__name__}")
            yield JsonObject(value, where)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of strings; raise `PackFormatError` otherwise."""
        values = self._get(key, list)
        if not all(isinstance(value, str) for value in values):
            raise self._wrong(key, "a list of strings")
        return tuple(self._writable(key, value) for value in values)

    def integers(self, key: str) -> tuple[int, ...]:
        """Return a list of whole numbers; raise `PackFormatError` otherwise."""
        values = self._get(key, list)
        if not all(isinstance(value, int) and not isinstance(value, bool) for value in values):
            raise self._wrong(key, "a list of whole numbers")
        return tuple(values)

    def numbers(self, key: str) -> tuple[float, ...]:
        """Return a list of numbers as floats; raise `PackFormatError` otherwise."""
        values = self._get(key, list)
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            raise self._wrong(key, "a list of numbers")
        return tuple(self._as_float(key, value) for value in values)

    def numbers_of_lists(self, key: str, *, length: int) -> tuple[tuple[float, ...], ...]:
        """Return a list, not empty, of lists of `length` numbers; raise `PackFormatError` otherwise."""
        rows = self._get(key, list)
        if not rows or not all(isinstance(row, list) and len(row) == length for row in rows):
            raise self._wrong(key, f"a list of lists of {length} numbers")
        return tuple(JsonObject({key: row}, self.where).numbers(key) for row in rows)

    def items(self, key: str) -> Iterator[tuple[str, JsonObject]]:
        """Yield (name, object) for each entry of a field that maps names to objects."""
        nested = self.object(key)
        for name in nested.values:
            yield name, nested.object(name)

    def has(self, key: str) -> bool:
        """Return whether the field is there and not null."""
        return self.values.get(key) is not None

    def _as_float(self, key: str, value: float) -> float:
        try:
            return float(value)
        except OverflowError as error:  # integers in JSON have no upper limit, floats have
            raise PackFormatError(f"{self.where}: `{key}` is too large for a number") from error

    def _writable(self, key: str, text: str) -> str:
        r"""Refuse a lone surrogate, such as JSON's `"\ud800"`: it cannot be encoded as UTF-8."""
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise PackFormatError(f"{self.where}: `{key}` holds a lone surrogate ({error})") from error
        return text

    def _get(self, key: str, kind: type) -> Any:
        value = self.values.get(key)
        if not isinstance(value, kind):
            raise self._wrong(key, kind.__name__)
        return value

    def _wrong(self, key: str, expected: str) -> PackFormatError:
        found = type(self.values[key]).__name__ if key in self.values else "nothing"
        return PackFormatError(f"{self.where}: `{key}` should be {expected}, found {found}")


def parse_json_object(data: bytes, *, where: str, max_bytes: int) -> JsonObject:
    """Decode a JSON document whose top is an object.

    Raises:
        PackFormatError: Longer than `max_bytes`, not UTF-8 JSON, or not an object. NaN, infinities and lone surrogates
            are refused, though Python reads them: `canonical_json` could not write them back.
    """
    if len(data) > max_bytes:
        raise PackFormatError(f"{where}: {len(data)} bytes, more than the limit of {max_bytes}")
    try:
        text = data.decode("utf-8-sig")  # `json` alone accepts lone surrogates
        values = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        if "\\u" in text:  # the only other way to write a lone surrogate
            json.dumps(values, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise PackFormatError(f"{where}: is not valid JSON ({error})") from error
    if not isinstance(values, dict):
        raise PackFormatError(f"{where}: expected a JSON object, found {type(values).__name__}")
    return JsonObject(values, where)


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large for a number")
    return value


def canonical_json(values: object) -> bytes:
    """Return the canonical bytes of a value: UTF-8, sorted keys, two-space indent, newline at the end."""
    return (json.dumps(values, sort_keys=True, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()
