"""Which part of a convolutional net 8 bits harm, found by quantising one part at a time.

A newcomer would look at the weights. The harm is in the values between the layers: one channel a hundred times as
large as its neighbours leaves them a bit or two, and the layer that makes it and the layer that takes it both suffer.
So parts are tried, not inspected: each alone in 8 bits, and the worst stay in float, one after the other, until the
answers are near enough. How many is found by halving: with more in float a net is hardly ever worse. Nothing is
random and the number of tries has an end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.export.progress import Progress, unwatched

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Least mean centred cosine of the 8-bit net with the float one. The gate asks .98 of plain cosines, which are kinder.
TARGET = 0.98

_MOST_PARTS = 12  # a try takes a ResNet-50 some seconds; finer parts would rank better and take longer
MOST_TRIES = 1 + _MOST_PARTS + 5  # whole; each part alone; half in float, three to halve its six parts, the best again
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
    progress: Progress = unwatched,
) -> QuantisedNet:
    """Quantise all nodes, or as many as the target allows; the last call of `quantise` is the result.

    Args:
        nodes: That could be quantised, in graph order.
        quantise: Writes the net with these nodes in 8 bits.
        measure: The fidelity of what was last written; 1 is perfect.
        target: What it should reach.
        progress: Is shown the tries, as many as there may be.

    Returns:
        What was left in float, and the fidelity; below `target` where half of the net in float did not help.
    """
    tries = iter(progress("int8: tries", range(MOST_TRIES)))

    def attempt(chosen: Iterable[str]) -> float:
        next(tries)
        kept = set(chosen)
        quantise([node for node in nodes if node in kept])
        return measure()

    def leave_in_float(parts: Sequence[Sequence[str]]) -> QuantisedNet:
        left = {node for part in parts for node in part}
        fidelity = attempt(set(nodes) - left)
        return QuantisedNet(left_in_float=tuple(node for node in nodes if node in left), centred_cosine=fidelity)

    whole = leave_in_float([])
    parts = _parts(nodes)
    if whole.centred_cosine >= target or len(parts) < 2:
        return whole
    ranked = _most_harmful_first(parts, attempt)
    return _least_in_float(ranked[: _how_many_fit(ranked, len(nodes) * _MOST_SHARE)], leave_in_float, target)


def _least_in_float(
    ranked: Sequence[Sequence[str]], leave_in_float: Callable[[Sequence[Sequence[str]]], QuantisedNet], target: float
) -> QuantisedNet:
    """Return the net, written last, with the fewest parts in float that reaches the target; with all if none does."""
    last = best = leave_in_float(ranked)
    few, enough = 1, len(ranked)
    while best.centred_cosine >= target and few < enough:
        middle = (few + enough) // 2
        last = leave_in_float(ranked[:middle])
        if last.centred_cosine >= target:
            best, enough = last, middle
        else:
            few = middle + 1
    return best if last is best else leave_in_float(ranked[:enough])


def _how_many_fit(parts: Sequence[Sequence[str]], most_nodes: float) -> int:
    return int(np.searchsorted(np.cumsum([len(part) for part in parts]), most_nodes, side="right"))


def _parts(nodes: Sequence[str]) -> list[Sequence[str]]:
    edges = np.linspace(0, len(nodes), min(_MOST_PARTS, len(nodes)) + 1).astype(int)
    return [nodes[start:stop] for start, stop in pairwise(edges)]


def _most_harmful_first(parts: list[Sequence[str]], attempt: Callable[[Sequence[str]], float]) -> list[Sequence[str]]:
    # A NaN does most harm, and would not sort.
    harm = np.nan_to_num([attempt(part) for part in parts], nan=-np.inf)
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
