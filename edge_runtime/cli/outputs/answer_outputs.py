"""Answers on standard output: for a person, as one JSON object, or as JSON Lines.

The pack, the encoder and the time go to standard error.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
from edge_identify.edge_runtime.answers.tally import Tally
from edge_identify.edge_runtime.terminal.timely_end import print_whole

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.answered_by import AnsweredBy
    from edge_identify.edge_runtime.cli.outputs.answer_output import AnswerOutput
    from edge_identify.edge_runtime.cli.outputs.terminal_images import AnswerImages
    from edge_identify.edge_runtime.terminal.terminal_text import Screen


class ScreenOutput:
    """For a person: a screen for each answer, or a line where they are many."""

    def __init__(
        self,
        answered_by: AnsweredBy | None,
        screen: Screen,
        *,
        one_line_each: bool = False,
        pictures: AnswerImages | None = None,
    ) -> None:
        """Begin.

        Args:
            answered_by: The pack and encoder of all answers; None if several packs were asked: each names its own.
            screen: The width and colours of standard output.
            one_line_each: A line for each answer.
            pictures: Shows thumbnails above each answer; None for a terminal without images.
        """
        self._answered_by, self._screen, self._one_line_each = answered_by, screen, one_line_each
        self._pictures = pictures
        self._tally = Tally()

    @property
    def shows_photos(self) -> bool:
        """True if the output needs a thumbnail of each photo."""
        return self._pictures is not None

    def show(self, answer: Identification | FailedPhoto) -> None:
        """Print an answer. The run reports failed photos on standard error."""
        from edge_identify.edge_runtime.cli.outputs.answer_screen import answer_lines, answer_row

        self._tally.add(answer)
        if isinstance(answer, FailedPhoto):
            return
        if self._one_line_each:
            print(answer_row(answer, self._screen, names_pack=self._answered_by is None), flush=True)
            return
        if self._pictures is not None:
            print(self._pictures.codes(answer), end="")
        lines = answer_lines(answer, self._screen, names_pack=self._answered_by is None)
        print("\n".join(lines), flush=True)

    def finish(self) -> None:
        """Print pack, encoder and time on standard error."""
        if self._tally.answered:
            print(who_answered(self._tally), file=sys.stderr)


class JsonOutput:
    """For a program: one object, printed after the last answer."""

    def __init__(self, answered_by: AnsweredBy | None) -> None:
        self._answered_by = answered_by
        self._answers: list[Identification | FailedPhoto] = []

    @property
    def shows_photos(self) -> bool:
        """True if the output needs a thumbnail of each photo."""
        return False

    def show(self, answer: Identification | FailedPhoto) -> None:
        """Keep an answer."""
        self._answers.append(answer)

    def finish(self) -> None:
        """Print the object."""
        from edge_identify.edge_runtime.answers.answer_json import answers_as_json

        print_whole(answers_as_json(self._answers, self._answered_by) + "\n")


class JsonLinesOutput:
    """For a program that reads along: a line for each answer, printed at once."""

    def __init__(self, answered_by: AnsweredBy | None) -> None:
        self._answered_by = answered_by

    @property
    def shows_photos(self) -> bool:
        """True if the output needs a thumbnail of each photo."""
        return False

    def show(self, answer: Identification | FailedPhoto) -> None:
        """Print an answer's line."""
        from edge_identify.edge_runtime.answers.answer_json import answer_as_line

        # One text with its end, so that an interruption leaves no line without one.
        print(answer_as_line(answer, self._answered_by) + "\n", end="", flush=True)

    def finish(self) -> None:
        """Do nothing: all lines are printed already."""


def who_answered(tally: Tally) -> str:
    """Return a line with the packs and encoders that answered, the time of each stage, and what the figures mean."""
    times, count = tally.times, tally.answered
    each = " each" if count > 1 else ""
    stages = ", ".join(
        f"{stage} {1000 * seconds / count:.1f}"
        for stage, seconds in (
            ("prepare", times.prepare), ("encode", times.encode), ("search", times.search), ("decide", times.decide),
        )
    )  # fmt: skip
    took = f"{1000 * times.total / count:.0f} ms{each} ({stages})"
    by = ", ".join(f"{name} {version} · {variant}" for name, version, variant in tally.packs)
    return " · ".join(filter(None, (by, took, _key(tally))))


def _key(tally: Tally) -> str:
    if not tally.has_similarities:
        return ""
    if tally.has_bands:
        return "how well it fits, as far as this pack's own labels show; similarity (1 is identical)"
    if None in tally.decisions:
        return "uncalibrated: scores are similarities (1 is identical), not probabilities"
    return "probability, similarity (1 is identical)"


def print_answer(answer: Identification, *, as_json: bool, names_pack: bool = False) -> None:
    """Print one answer, for a person or as the documented object.

    Args:
        answer: The answer.
        as_json: Print the object.
        names_pack: Whether several packs were asked, so that the screen names the one that answered.
    """
    from edge_identify.edge_runtime.terminal.terminal_text import screen_of

    by = None if names_pack else answer
    output: AnswerOutput = JsonOutput(answer) if as_json else ScreenOutput(by, screen_of(sys.stdout))
    output.show(answer)
    output.finish()
