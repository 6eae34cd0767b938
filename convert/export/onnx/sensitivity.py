"""Which part of a convolutional net 8 bits harm, found by quantising one part at a time.

A newcomer would look at the weights. The harm is in the values between the layers: one channel a hundred times as
large as its neighbours leaves them a bit or two, and the layer that makes it and the layer that takes it both suffer.
So parts are tried, not inspected: each alone in 8 bits, and the worst stay in float, one after the other, until the
answers are near enough. Nothing is random and the number of tries has an end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Least mean centred cosine of the 8-bit net with the float one. The gate asks .98 of plain cosines, which are kinder.
TARGET = 0.98

_MOST_PARTS = 12  # a try takes a ResNet-50 some seconds; finer parts would rank better and take longer
_MOST_SHARE = 0.5  # with more than half in float, the file is hardly smaller and no faster: the gate decides then


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantisedNet:
    """What came of quantising.

    Attributes:
        left_in_float: Names of the nodes that were left beyond the usual ones, in graph order.
        centred_cosine: Mean, with the float32 net, on the calibration pictures.
    """

    left_in_float: tuple[str, ...]
    centred_cosine: float


def quantise_until_faithful(
    nodes: Sequence[str],
    *,
    quantise: Callable[[Sequence[str]], None],
    measure: Callable[[], float],
    target: float = TARGET,
) -> QuantisedNet:
    """Quantise all nodes, or as many as the target allows; the last call of `quantise` is the result.

    Args:
        nodes: That could be quantised, in graph order.
        quantise: Writes the net with these nodes in 8 bits.
        measure: The fidelity of what was last written; 1 is perfect.
        target: What it should reach.

    Returns:
        What was left in float, and the fidelity; below `target` where half of the net in float did not help.
    """
    quantise(nodes)
    fidelity = measure()
    if fidelity >= target:
        return QuantisedNet(left_in_float=(), centred_cosine=fidelity)
    ranked = _most_harmful_first(_parts(nodes), quantise, measure)
    left: set[str] = set()
    for part in ranked:
        if len(left) + len(part) > len(nodes) * _MOST_SHARE:
            break
        left.update(part)
        quantise([node for node in nodes if node not in left])
        fidelity = measure()
        if fidelity >= target:
            break
    return QuantisedNet(left_in_float=tuple(node for node in nodes if node in left), centred_cosine=fidelity)


def _parts(nodes: Sequence[str]) -> list[Sequence[str]]:
    edges = np.linspace(0, len(nodes), min(_MOST_PARTS, len(nodes)) + 1).astype(int)
    return [nodes[start:stop] for start, stop in pairwise(edges)]


def _most_harmful_first(
    parts: list[Sequence[str]], quantise: Callable[[Sequence[str]], None], measure: Callable[[], float]
) -> list[Sequence[str]]:
    harm: list[float] = []
    for part in parts:
        quantise(part)
        fidelity = measure()
        harm.append(fidelity if fidelity == fidelity else -np.inf)  # a NaN does most harm, and would not sort
    return [parts[place] for place in np.argsort(harm, kind="stable")]


def mean_centred_cosine(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return how alike two sets of embeddings are once what all pictures share is taken off.

    Args:
        found: Of the quantised net, [n, dim].
        expected: Of the float one, [n, dim].

    Returns:
        Mean cosine of the pairs, after the mean of `expected` is subtracted from both; 1 where all of `expected` are
        the same, since there is nothing to rank then.
    """
    centre = expected.mean(axis=0, dtype=np.float64)
    first, second = found - centre, expected - centre
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    if not np.linalg.norm(second, axis=1).any():
        return 1.0
    return float(np.mean((first * second).sum(axis=1) / np.maximum(lengths, np.finfo(np.float64).tiny)))
