"""Answers on standard output: for a person, as one JSON object, or as a line of JSON for each.

What is only good to know (the pack, the encoder, the time it took) goes to standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.answers.identification import Identification
from edge_identify.edge_runtime.answers.tally import Tally

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.answer import Answer, Answerer
    from edge_identify.edge_runtime.cli.outputs.answer_output import AnswerOutput
    from edge_identify.edge_runtime.cli.outputs.terminal_images import AnswerImages
    from edge_identify.edge_runtime.terminal.terminal_text import Screen


class ScreenOutput:
    """For a person: a screen for each answer, or a line where they are many."""

    def __init__(
        self, answerer: Answerer, screen: Screen, *, one_line_each: bool = False, pictures: AnswerImages | None = None
    ) -> None:
        """Begin.

        Args:
            answerer: Named at the end.
            screen: What standard output is.
            one_line_each: A line for each answer.
            pictures: Shows thumbnails above each answer that has a screen; None for a terminal without pictures.
        """
        self._answerer, self._screen, self._one_line_each = answerer, screen, one_line_each
        self._pictures = pictures
        self._tally = Tally()

    @property
    def shows_photos(self) -> bool:
        """Whether answers to photos need a thumbnail."""
        return self._pictures is not None

    def show(self, answer: Answer) -> None:
        """Print an answer; errors are for standard error, where the run reports them."""
        from edge_identify.edge_runtime.cli.outputs.answer_screen import answer_lines, answer_row

        self._tally.add(answer)
        if not isinstance(answer.result, Identification):
            return
        if self._one_line_each:
            print(answer_row(answer, self._screen), flush=True)
            return
        if self._pictures is not None:
            print(self._pictures.codes(answer), end="")
        print("\n".join(answer_lines(answer, self._screen)), flush=True)

    def finish(self) -> None:
        """Tell on standard error who answered, and how long it took."""
        if self._tally.answered:
            print(who_answered(self._answerer, self._tally), file=sys.stderr)


class JsonOutput:
    """For a program: one object, printed when all is known."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer
        self._answers: list[Answer] = []

    @property
    def shows_photos(self) -> bool:
        """Whether answers to photos need a thumbnail."""
        return False

    def show(self, answer: Answer) -> None:
        """Keep an answer."""
        self._answers.append(answer)

    def finish(self) -> None:
        """Print the object."""
        from edge_identify.edge_runtime.answers.answer_json import answers_as_json

        print(answers_as_json(self._answers, self._answerer), flush=True)


class JsonLinesOutput:
    """For a program that reads along: a line for each answer, as soon as it is known."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    @property
    def shows_photos(self) -> bool:
        """Whether answers to photos need a thumbnail."""
        return False

    def show(self, answer: Answer) -> None:
        """Print an answer's line."""
        from edge_identify.edge_runtime.answers.answer_json import answer_as_line

        # One text with its end, so that an interruption leaves no line without one.
        print(answer_as_line(answer, self._answerer) + "\n", end="", flush=True)

    def finish(self) -> None:
        """Do nothing: each line was printed when it was known."""


def who_answered(answerer: Answerer, tally: Tally) -> str:
    """Return a line that names pack and encoder, tells the time of each stage, and what the figures mean."""
    times, count = tally.times, tally.answered
    each = " each" if count > 1 else ""
    stages = ", ".join(
        f"{stage} {1000 * seconds / count:.1f}"
        for stage, seconds in (
            ("prepare", times.prepare), ("encode", times.encode), ("search", times.search), ("decide", times.decide),
        )
    )  # fmt: skip
    took = f"{1000 * times.total / count:.0f} ms{each} ({stages})"
    return f"{answerer.pack_name} {answerer.pack_version} · {answerer.variant_name} · {took} · {_key(tally)}"


def _key(tally: Tally) -> str:
    if tally.has_bands:
        return "how well it fits, as far as this pack's own labels show; similarity (1 is identical)"
    if None in tally.decisions:
        return "uncalibrated: scores are similarities (1 is identical), not probabilities"
    return "probability, similarity (1 is identical)"


def print_answers(answers: Sequence[Answer], answerer: Answerer, *, as_json: bool) -> None:
    """Print answers that are all known, for a person or as the documented object."""
    from edge_identify.edge_runtime.terminal.terminal_text import screen_of

    output: AnswerOutput = JsonOutput(answerer) if as_json else ScreenOutput(answerer, screen_of(sys.stdout))
    for answer in answers:
        output.show(answer)
    output.finish()
