"""Ambiguous answers: the namespace and labels that all candidate references share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.references import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAlikes:
    """The references that an ambiguous photo may show.

    Attributes:
        references: Nearest first, at least two.
        namespace: The namespace of all of them; empty if they differ or have none.
        labels: The labels that all of them have, by kind.
    """

    references: tuple[Reference, ...]
    namespace: str
    labels: Mapping[str, str]


def compare_look_alikes(references: Sequence[Reference]) -> LookAlikes:
    """Return references (nearest first, at least two) with the namespace and labels that they share."""
    first, *others = references
    return LookAlikes(
        references=tuple(references),
        namespace=first.namespace if all(other.namespace == first.namespace for other in others) else "",
        labels={
            kind: value
            for kind, value in first.labels.items()
            if all(other.labels.get(kind) == value for other in others)
        },
    )
