"""Which of several decisions about one photo is the most certain."""

from __future__ import annotations

from edge_identify.edge_runtime.decisions.decision import Decision

#: Most certain first. An answer without a decision comes after all of them.
_BY_CERTAINTY = (Decision.IDENTIFIED, Decision.PROBABLY, Decision.AMBIGUOUS, Decision.UNKNOWN)


def certainty(decision: Decision | None) -> int:
    """Return a decision's place among all decisions, 0 for no decision; a higher number is more certain."""
    return 0 if decision is None else len(_BY_CERTAINTY) - _BY_CERTAINTY.index(decision)
