"""A sample that changes little when the catalogue grows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def stable_positions(names: Sequence[str], most: int) -> list[int]:
    """Return the positions of at most `most` names, in order.

    The names with the smallest hashes are taken. So a new name replaces at most one of the sample, and the sample does
    not depend on earlier builds.

    Args:
        names: The names; of equal ones, the first is taken first.
        most: Size of the sample.
    """
    ranked = sorted(range(len(names)), key=lambda at: hashlib.sha256(names[at].encode()).digest())
    return sorted(ranked[:most])
