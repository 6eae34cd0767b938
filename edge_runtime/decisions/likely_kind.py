"""What kind of thing a photo probably shows where the thing itself is unsure: the labels of its first references."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.references import Reference

LEAST_PROBABILITY = 0.5  # a kind that is less likely than not is no answer


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelyKind:
    """A label that the photo's thing probably has.

    Attributes:
        label: The label's key.
        value: Its value.
        probability: Sum of the confidences of the references that have it, 0 to 1.
    """

    label: str
    value: str
    probability: float


def likely_kind(references: Sequence[Reference], confidences: Iterable[float]) -> LikelyKind | None:
    """Return the most probable label of a photo's first references; None if none is likelier than not.

    A label that all of them have tells nothing and is left out. Of equally probable labels the first one counts.

    Args:
        references: The first references, best first.
        confidences: The confidence of each; references of confidence 0 do not count.
    """
    known = [pair for pair in zip(references, confidences, strict=False) if pair[1] > 0]
    together: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for reference, confidence in known:
        for kind in reference.labels.items():
            together[kind].append(confidence)
    telling = {kind: sum(found) for kind, found in together.items() if len(found) < len(known)}
    if not telling:
        return None
    (label, value), probability = max(telling.items(), key=lambda item: item[1])
    if probability < LEAST_PROBABILITY:
        return None
    return LikelyKind(label=label, value=value, probability=min(1.0, probability))
