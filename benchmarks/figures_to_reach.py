"""What the built-in encoder was asked to reach, beside what was found.

The figures were set before the training whose weights are measured: raw nearest neighbour, one reference each, in the
exported int8 form. They stand here so that a later run cannot forget the one that it missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outcome_figures import value_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A figure to reach.

    Attributes:
        name: In words.
        path: Where the figure lies among the results, or in the encoder's description.
        needed: The number.
        at_most: Whether the number is a ceiling rather than a floor.
    """

    name: str
    path: tuple[str, ...]
    needed: float
    at_most: bool = False

    def is_reached(self, found: float) -> bool:
        """Return whether a figure reaches it."""
        return found <= self.needed if self.at_most else found >= self.needed


def _recall(real: str, group: str, needed: float) -> Target:
    return Target(name=f"{real} {group}, recall@1", path=(real, "groups", group, "recall@1"), needed=needed)


TARGETS = (
    _recall("invaders", "independent_strict", 0.82),
    _recall("invaders", "independent_likely", 0.97),
    Target(name="invaders, unknown told from strict, AUROC", path=("invaders", "unknown_auroc"), needed=0.84),
    _recall("grocery", "Packages", 0.77),
    _recall("grocery", "Fruit", 0.22),
    _recall("grocery", "Vegetables", 0.34),
    Target(name="drawn near-twins, accuracy", path=("near_twins", "accuracy"), needed=0.90),
    Target(name="image tower int8, bytes", path=("bytes",), needed=8_000_000, at_most=True),
    Target(name="image tower int8, CPU ms of one picture", path=("cpu_ms",), needed=8, at_most=True),
)


def compare_with_targets(encoder: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return by name what was found, what is needed, and whether it is reached; None where nothing was measured."""
    compared = {}
    for target in TARGETS:
        found = value_at({**encoder, **results}, target.path)
        compared[target.name] = {
            "found": found,
            "needed": target.needed,
            "reached": None if found is None else target.is_reached(found),
        }
    return compared
