"""What tests of reporting share."""

from example_outcomes import outcome

__all__ = ["outcome"]
