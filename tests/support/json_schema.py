"""The part of JSON Schema (draft 2020-12) that this project's schemas use. Other keywords are refused.

A validator that ignores unknown keywords would accept invalid documents.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}
_SAYS_NOTHING = frozenset({"$schema", "$defs", "title", "description"})


def faults(value: Any, schema: Mapping[str, Any], *, root: Mapping[str, Any], where: str = "$") -> list[str]:
    """Return the faults of a value, each with its place; empty if the value is valid."""
    found: list[str] = []
    for keyword, rule in schema.items():
        if keyword not in _SAYS_NOTHING:
            found += _KEYWORDS[keyword](value, rule, root, where)
    return found


def _type(value: Any, rule: Any, _root: Any, where: str) -> Iterator[str]:
    names = [rule] if isinstance(rule, str) else rule
    if not any(_TYPES[name](value) for name in names):
        yield f"{where}: {value!r} is not {rule}"


def _required(value: Any, rule: Any, _root: Any, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{where}: has no {name}" for name in rule if name not in value)


def _properties(value: Any, rule: Any, root: Any, where: str) -> Iterator[str]:
    for name, schema in rule.items():
        if isinstance(value, dict) and name in value:
            yield from faults(value[name], schema, root=root, where=f"{where}.{name}")


def _additional_properties(value: Any, rule: Any, root: Any, where: str) -> Iterator[str]:
    for name, item in value.items() if isinstance(value, dict) else ():  # used alone, without `properties` beside it
        yield from faults(item, rule, root=root, where=f"{where}.{name}")


def _items(value: Any, rule: Any, root: Any, where: str) -> Iterator[str]:
    for position, item in enumerate(value if isinstance(value, list) else ()):
        yield from faults(item, rule, root=root, where=f"{where}[{position}]")


def _any_of(value: Any, rule: Any, root: Any, where: str) -> Iterator[str]:
    tries = [faults(value, schema, root=root, where=where) for schema in rule]
    if all(tries):
        yield f"{where}: none of {tries}"


def _one_of(value: Any, rule: Any, root: Any, where: str) -> Iterator[str]:
    fitting = sum(not faults(value, schema, root=root, where=where) for schema in rule)
    if fitting != 1:
        yield f"{where}: {fitting} of {len(rule)} fit, not one"


def _ref(value: Any, rule: str, root: Any, where: str) -> list[str]:
    target = root
    for name in rule.removeprefix("#/").split("/"):
        target = target[name]
    return faults(value, target, root=root, where=where)


def _simple(holds: Callable[[Any, Any], bool], *kinds: str) -> Callable[..., Iterator[str]]:
    def check(value: Any, rule: Any, _root: Any, where: str) -> Iterator[str]:
        if any(_TYPES[kind](value) for kind in kinds) and not holds(value, rule):
            yield f"{where}: {value!r} against {rule!r}"

    return check


_EVERYTHING = tuple(_TYPES)
_KEYWORDS: dict[str, Callable[..., Any]] = {
    "type": _type,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional_properties,
    "items": _items,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "$ref": _ref,
    "const": _simple(lambda value, rule: value == rule, *_EVERYTHING),
    "enum": _simple(lambda value, rule: value in rule, *_EVERYTHING),
    "minimum": _simple(lambda value, rule: value >= rule, "number"),
    "maximum": _simple(lambda value, rule: value <= rule, "number"),
    "minLength": _simple(lambda value, rule: len(value) >= rule, "string"),
    "minItems": _simple(lambda value, rule: len(value) >= rule, "array"),
    "pattern": _simple(lambda value, rule: re.search(rule, value) is not None, "string"),
}
