"""What tests of evaluating share."""

from example_outcomes import outcome

__all__ = ["outcome"]
