"""The protocol of everything that answers are written to: screen, JSON, JSON Lines, HTML report."""

from __future__ import annotations

from typing import Protocol

from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification


class AnswerOutput(Protocol):
    """One output of a run's answers."""

    @property
    def shows_photos(self) -> bool:
        """True if the output needs a thumbnail of each photo."""

    def show(self, answer: Identification | FailedPhoto) -> None:
        """Take one answer. Answers come in the order of the questions."""

    def finish(self) -> None:
        """Write the rest, after the last answer or after an interruption."""
