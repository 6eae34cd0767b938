"""Fixtures of the tests of evaluating."""

from example_outcomes import outcome

__all__ = ["outcome"]
