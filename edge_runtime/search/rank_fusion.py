"""One ranking from several: reciprocal rank fusion.

Source: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
Methods", SIGIR 2009. Ranks are comparable where scores are not: a similarity and a count of words have no common unit.
"""

from __future__ import annotations

from collections.abc import Mapping

_K = 60  # the paper's constant: how slowly a rank's worth falls


def fused_ranks(*rankings: Mapping[str, int]) -> list[str]:
    """Return the ids of all rankings, best first.

    Args:
        rankings: The rank of each id, from 1. Equal sums are in the order of the first ranking that has them.
    """
    sums: dict[str, float] = {}
    for ranking in rankings:
        for name, rank in ranking.items():
            sums[name] = sums.get(name, 0.0) + 1 / (_K + rank)
    return sorted(sums, key=lambda name: -sums[name])  # stable: a dictionary keeps the order of insertion
