"""Filters: which references may answer, as a value, from text and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge_identify.edge_runtime.errors import SetupError


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which references may answer: those in one of the namespaces that have, of each kind of label, one of the values.

    Attributes:
        namespaces: Any of these; none given lets all pass.
        labels: Values by kind of label, at least one each.
    """

    namespaces: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything is asked for."""
        return bool(self.namespaces or self.labels)


NO_FILTERS = Filters()


def read_filters(namespaces: Sequence[str], labels: Sequence[str]) -> Filters:
    """Return the filters that options say.

    Args:
        namespaces: Names.
        labels: Each `KEY=VALUE`; several values of one key let any of them pass.

    Raises:
        SetupError: A label has no `=`, or nothing on one of its sides.
    """
    by_kind: dict[str, tuple[str, ...]] = {}
    for label in labels:
        kind, equals, value = (part.strip() for part in label.partition("="))
        if not (kind and equals and value):
            raise SetupError(f"--label {label!r}: write KEY=VALUE, such as --label category=crab")
        by_kind[kind] = (*by_kind.get(kind, ()), value)
    return Filters(namespaces=tuple(dict.fromkeys(namespaces)), labels=by_kind)


def describe_filters(filters: Filters) -> str:
    """Return filters in words, for one line."""
    parts = [f"namespace {' or '.join(filters.namespaces)}"] if filters.namespaces else []
    parts.extend(f"{kind}={' or '.join(values)}" for kind, values in filters.labels.items())
    return ", ".join(parts)
