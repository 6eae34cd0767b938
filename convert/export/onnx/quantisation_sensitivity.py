"""Chooses the 8-bit form of a tower by its fidelity: the form of its weights, and the layers that stay in float.

Four choices are measured, in this order:

1. The fastest form of the weights, for the whole tower.
2. For a convolutional net, the same form with the first layers in float32. Their channels differ the most in scale and
   they hold few weights, so that this costs hardly any bytes. Measured on EfficientNet-Lite0, drawn images: centred
   cosine .956 whole, .984 with the first two convolutions in float32, .991 with the first four; 7.0, 5.9 and 6.2 ms.
3. The other forms of the weights, for the whole tower. The first one that reaches the target is taken.
4. For a convolutional net, any layers that stay in float32. If one channel is a hundred times as large as the others,
   these have only a bit or two left, and the layers before and after it lose precision. The weights do not show that.
   So each part of the net is tried alone in 8 bits, and the most harmful parts stay in float32. A binary search finds
   how many must.

Nothing is random, and the number of tries is bounded by `most_tries`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.convert.progress import Progress, no_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Least mean centred cosine of the 8-bit net with the float net. Stricter than the gate, which needs .98 of the mean
#: cosine and .96 of the centred one, because the gate also compares rankings. With .984 the built-in encoder failed
#: it on 1,500 images of random tiles, which hardly differ.
TARGET = 0.988

_MOST_PARTS = 12  # a try takes some seconds with a ResNet-50; finer parts would rank better and take longer
_FIRST_NODES = (4, 8, 16)  # nodes at the input that stay in float32 before the slower forms are tried
_MOST_SHARE = 0.5  # with more than half of the nodes in float, the file is hardly smaller and no faster


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantisedNet:
    """The result of quantising.

    Attributes:
        form: The form of its weights, one of the offered forms.
        left_in_float: Names of the nodes that stay in float to reach the target, in graph order.
        centred_cosine: Mean centred cosine with the float32 net on the calibration inputs.
    """

    form: str
    left_in_float: tuple[str, ...]
    centred_cosine: float


#: Writes the net with these nodes in 8 bits and their weights in this form.
Quantise = Callable[[Sequence[str], str], None]


def most_tries(forms: int) -> int:
    """Return the largest number of tries when `forms` forms of weights are offered."""
    # Each form, the first one twice and the best again; the first nodes in float; each part alone; half of the parts in
    # float; three steps of binary search over six; the best again.
    return forms + 2 + len(_FIRST_NODES) + _MOST_PARTS + 5


def quantise_whole(
    nodes: Sequence[str],
    *,
    forms: Sequence[str],
    quantise: Quantise,
    measure: Callable[[], float],
    target: float = TARGET,
) -> QuantisedNet:
    """Quantise all nodes, with the first form of weights that reaches the target; otherwise with the best form.

    Args:
        nodes: The nodes to quantise, in graph order.
        forms: Forms of the weights, the preferred one first; at least one.
        quantise: Writes the net. Its last call is the result.
        measure: Returns the fidelity of the net that was written last; 1 is perfect.
        target: The fidelity to reach.

    Returns:
        The net that was written last.

    Raises:
        ValueError: No form is offered.
    """
    best: QuantisedNet | None = None
    for form in forms:
        quantise(nodes, form)
        last = QuantisedNet(form=form, left_in_float=(), centred_cosine=measure())
        if best is None or _rank(last) > _rank(best):
            best = last
        if last.centred_cosine >= target:
            break
    if best is None:
        raise ValueError("no form of weights was offered")
    if best is not last:
        quantise(nodes, best.form)
    return best


def _rank(net: QuantisedNet) -> float:
    return -np.inf if np.isnan(net.centred_cosine) else net.centred_cosine


def quantise_until_faithful(
    nodes: Sequence[str],
    *,
    forms: Sequence[str],
    quantise: Quantise,
    measure: Callable[[], float],
    target: float = TARGET,
    progress: Progress = no_progress,
) -> QuantisedNet:
    """Quantise all nodes, or as many as the target allows; the last call of `quantise` is the result.

    Args:
        nodes: The nodes that could be quantised, in graph order.
        forms: Forms of the weights, the preferred one first; at least one.
        quantise: Writes the net.
        measure: Returns the fidelity of the net that was written last; 1 is perfect.
        target: The fidelity to reach.
        progress: Shows the progress over the tries, at most `most_tries`.

    Returns:
        The chosen form and its fidelity. The fidelity is below `target` if half of the net in float does not suffice.
    """
    tries = iter(progress("int8: tries", range(most_tries(len(forms)))))

    def counted(chosen: Sequence[str], form: str) -> None:
        next(tries)
        quantise(chosen, form)

    most_nodes = len(nodes) * _MOST_SHARE
    best = quantise_whole(nodes, forms=forms[:1], quantise=counted, measure=measure, target=target)

    def attempt(chosen: Iterable[str]) -> float:
        kept = set(chosen)
        counted([node for node in nodes if node in kept], best.form)
        return measure()

    def leave_in_float(parts: Sequence[Sequence[str]]) -> QuantisedNet:
        left = {node for part in parts for node in part}
        fidelity = attempt(set(nodes) - left)
        left_in_order = tuple(node for node in nodes if node in left)
        return QuantisedNet(form=best.form, left_in_float=left_in_order, centred_cosine=fidelity)

    if best.centred_cosine >= target:
        return best
    for count in _FIRST_NODES:
        if count <= most_nodes and (net := leave_in_float([nodes[:count]])).centred_cosine >= target:
            return net
    # The fastest form again at the end: the result must be the net that was written last.
    others = (*forms[1:], forms[0])
    best = quantise_whole(nodes, forms=others, quantise=counted, measure=measure, target=target)
    parts = _parts(nodes)
    if best.centred_cosine >= target or len(parts) < 2:
        return best
    ranked = _most_harmful_first(parts, attempt, target=target, most_nodes=most_nodes)
    return _least_in_float(ranked[: _how_many_fit(ranked, most_nodes)], leave_in_float, target)


def _least_in_float(
    ranked: Sequence[Sequence[str]], leave_in_float: Callable[[Sequence[Sequence[str]]], QuantisedNet], target: float
) -> QuantisedNet:
    """Return the net with the fewest parts in float that reaches the target; with all parts in float if none does.

    The returned net is the one that was written last.
    """
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


def _most_harmful_first(
    parts: list[Sequence[str]], attempt: Callable[[Sequence[str]], float], *, target: float, most_nodes: float
) -> list[Sequence[str]]:
    """Return the tried parts, the most harmful first.

    A part that misses the target alone must stay in float. If such parts hold more than `most_nodes` nodes, the target
    is out of reach, and the remaining parts are not tried.
    """
    harmful_nodes, fidelities = 0, []
    for part in parts:
        fidelities.append(attempt(part))
        harmful_nodes += 0 if fidelities[-1] >= target else len(part)
        if harmful_nodes > most_nodes:
            break
    # A NaN counts as the most harmful; it would not sort.
    return [parts[place] for place in np.argsort(np.nan_to_num(fidelities, nan=-np.inf), kind="stable")]


def mean_centred_cosine(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return the mean cosine of pairs of embeddings, after the mean of `expected` is subtracted from both.

    Args:
        found: Embeddings of the quantised net, float32 [n, dim].
        expected: Embeddings of the float net, float32 [n, dim].

    Returns:
        The mean cosine, -1 to 1; 1 if all rows of `expected` are equal, because then there is nothing to rank.
    """
    centre = expected.mean(axis=0, dtype=np.float64)
    first, second = found - centre, expected - centre
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    if not np.linalg.norm(second, axis=1).any():
        return 1.0
    return float(np.mean((first * second).sum(axis=1) / np.maximum(lengths, np.finfo(np.float64).tiny)))
