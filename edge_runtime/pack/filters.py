"""Filters by namespace and label: their type, reading them from options, and describing them in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge_identify.edge_runtime.errors import SetupError


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Conditions on the references of an answer. A reference passes if it fulfils all of them.

    Attributes:
        namespaces: The reference is in one of these namespaces. Empty: any namespace.
        labels: For each kind of label, the reference has one of these values; at least one value each.
    """

    namespaces: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is any condition."""
        return bool(self.namespaces or self.labels)


NO_FILTERS = Filters()


def read_filters(namespaces: Sequence[str], labels: Sequence[str]) -> Filters:
    """Return the filters that options describe.

    Args:
        namespaces: Names of namespaces.
        labels: Each `KEY=VALUE`. A key may occur several times; a reference needs one of its values.

    Raises:
        SetupError: A label has no `=`, or one side of it is empty.
    """
    by_kind: dict[str, tuple[str, ...]] = {}
    for label in labels:
        kind, equals, value = (part.strip() for part in label.partition("="))
        if not (kind and equals and value):
            raise SetupError(f"--label {label!r}: write KEY=VALUE, such as --label category=crab")
        by_kind[kind] = (*by_kind.get(kind, ()), value)
    return Filters(namespaces=tuple(dict.fromkeys(namespaces)), labels=by_kind)


def describe_filters(filters: Filters) -> str:
    """Return filters as text on one line, such as `namespace art, category=crab or fish`."""
    parts = [f"namespace {' or '.join(filters.namespaces)}"] if filters.namespaces else []
    parts.extend(f"{kind}={' or '.join(values)}" for kind, values in filters.labels.items())
    return ", ".join(parts)
