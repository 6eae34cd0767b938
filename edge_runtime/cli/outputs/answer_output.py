"""The protocol of everything that answers are written to: screen, JSON, JSON Lines, HTML report."""

from __future__ import annotations

from typing import Protocol

from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification


class AnswerOutput(Protocol):
    """Where answers go."""

    @property
    def shows_photos(self) -> bool:
        """Whether answers to photos need a thumbnail."""

    def show(self, answer: Identification | FailedPhoto) -> None:
        """Take one answer, in the order of the questions."""

    def finish(self) -> None:
        """Write what waits until all is known, or until the run was interrupted."""
