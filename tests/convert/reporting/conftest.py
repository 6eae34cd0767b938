"""Fixtures of the tests of reporting."""

from example_outcomes import outcome

__all__ = ["outcome"]
