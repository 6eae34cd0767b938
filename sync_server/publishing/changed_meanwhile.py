"""The error of a conditional write: another program was faster."""

from __future__ import annotations


class ChangedMeanwhileError(Exception):
    """A file or object was written by another program after it was read."""
