"""Output of answers: to the screen, as JSON, as JSON Lines, as an HTML report."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, nullcontext
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
from edge_identify.edge_runtime.answers.tally import Tally
from edge_identify.edge_runtime.cli.outputs.answer_output import AnswerOutput
from edge_identify.edge_runtime.cli.outputs.answer_outputs import JsonLinesOutput, JsonOutput, ScreenOutput
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.errors import PackError
from edge_identify.edge_runtime.io.counted import counted
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.standard_streams import silence_output
from edge_identify.edge_runtime.terminal.timely_end import PiecewiseOutput, whole_output

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.answered_by import AnsweredBy
    from edge_identify.edge_runtime.cli.outputs.terminal_images import AnswerImages
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.pack.thumbnails_file import ThumbnailTable
    from edge_identify.edge_runtime.terminal.progress_bar import ProgressBar
    from edge_identify.edge_runtime.terminal.terminal_text import Screen

MANY_PHOTOS = 16  # from here on: one line per photo, and FAISS and one thread per core are worth their start-up time


def add_output_options(group: argparse._ArgumentGroup) -> None:
    """Add `--jsonl`, `--html` and `--pictures`."""
    group.add_argument("--jsonl", action="store_true", help="print one line of JSON per photo, as soon as it is known")
    group.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="write an HTML report: each photo beside its answer; - is standard output",
    )
    group.add_argument(
        "--pictures",
        choices=("auto", "always", "never"),
        default="auto",
        metavar="WHEN",
        help="thumbnails in the terminal: auto (default: only in a terminal that shows images), always or never",
    )


def chosen_outputs(
    options: argparse.Namespace,
    packs: Sequence[Pack],
    answered_by: AnsweredBy | None,
    page: BinaryIO | None,
    count: int,
    stack: ExitStack,
) -> tuple[AnswerOutput, ...]:
    """Return the outputs that the options choose, at least one. Each output gets every answer.

    Args:
        options: Of the command line.
        packs: Their thumbnails are shown.
        answered_by: Pack and encoder, named beside the answers; None if several packs were asked.
        page: The file that `--html` named; None without it.
        count: How many photos were asked for.
        stack: Closes what is opened here.
    """
    outputs: list[AnswerOutput] = []
    if options.json:
        outputs.append(JsonOutput(answered_by))
    if options.jsonl:
        outputs.append(JsonLinesOutput(answered_by))
    if page is not None:
        outputs.append(_html_report(options.html, page, packs, answered_by, stack))
    return tuple(outputs) or (_screen(options, packs, answered_by, count, stack),)


def _html_report(
    path: Path, file: BinaryIO, packs: Sequence[Pack], answered_by: AnsweredBy | None, stack: ExitStack
) -> AnswerOutput:
    from edge_identify.edge_runtime.answers.html_report import HtmlReport
    from edge_identify.edge_runtime.io.output_writes import is_stream, link_target

    folder = None if is_stream(path) else link_target(path).parent
    return stack.enter_context(HtmlReport(PiecewiseOutput(file), answered_by, _thumbnails(packs, stack), folder))


def _screen(
    options: argparse.Namespace, packs: Sequence[Pack], answered_by: AnsweredBy | None, count: int, stack: ExitStack
) -> AnswerOutput:
    from edge_identify.edge_runtime.terminal.terminal_text import screen_of

    screen = screen_of(sys.stdout)
    if count >= MANY_PHOTOS:
        return ScreenOutput(answered_by, screen, one_line_each=True)
    return ScreenOutput(answered_by, screen, pictures=_terminal_images(options.pictures, packs, screen, stack))


def _terminal_images(when: str, packs: Sequence[Pack], screen: Screen, stack: ExitStack) -> AnswerImages | None:
    if when == "never" or (when == "auto" and not sys.stdout.isatty()):
        return None
    from edge_identify.edge_runtime.cli.outputs.terminal_images import AnswerImages, TerminalImageProtocol, protocol_of

    protocol = protocol_of(os.environ)
    if protocol is None and when == "always":
        protocol = TerminalImageProtocol.KITTY  # most terminals that show images support it
    return None if protocol is None else AnswerImages(protocol, screen, _thumbnails(packs, stack))


def _thumbnails(packs: Sequence[Pack], stack: ExitStack) -> dict[str, ThumbnailTable]:
    from edge_identify.edge_runtime.pack.thumbnails_file import open_thumbnails

    opened: dict[str, ThumbnailTable] = {}
    for pack in packs:
        try:
            thumbnails = open_thumbnails(pack)
        except PackError as error:
            if len(packs) == 1:
                raise
            print(f"no thumbnails of pack {printable(f'{pack.manifest.name}: {error}')}", file=sys.stderr)
            continue
        if thumbnails is not None:
            opened[pack.manifest.name] = stack.enter_context(thumbnails)
    return opened


def show_all(
    answers: Iterable[Identification | FailedPhoto],
    outputs: Sequence[AnswerOutput],
    tally: Tally,
    progress: ProgressBar | None,
) -> KeyboardInterrupt | None:
    """Write each answer to all outputs, and report skipped photos on standard error.

    Args:
        answers: In the order of the photos.
        outputs: Each gets every answer. If the reader of standard output closes it (`| head`), the others go on.
        tally: Counts the answers.
        progress: The progress bar; None for one photo.

    Returns:
        The interruption that ended the run early; None if the run is complete. The caller raises it after all files
        are closed.

    Raises:
        BrokenPipeError: The reader closed the only output.
    """
    interruption = None
    read = _StillRead(outputs)
    with progress or nullcontext():  # the bar is cleared before anything else is written to the same terminal
        try:
            for answer in answers:
                tally.add(answer)
                if isinstance(answer, FailedPhoto):
                    _report(f"skipped: {printable(str(answer.error))}", progress)
                read.each(methodcaller("show", answer))
                if progress is not None:
                    progress.advance()
        except KeyboardInterrupt as error:
            interruption = error
    with whole_output():
        read.each(methodcaller("finish"))
    return interruption


class _StillRead:
    """The outputs whose reader has not closed them."""

    def __init__(self, outputs: Sequence[AnswerOutput]) -> None:
        self._outputs = list(outputs)

    def each(self, write: Callable[[AnswerOutput], None]) -> None:
        """Write to each output. An output that its reader closed is dropped; for the last one, the error is raised."""
        for output in tuple(self._outputs):
            try:
                write(output)
            except BrokenPipeError:
                self._outputs.remove(output)
                if not self._outputs:
                    raise
                silence_output()


def _report(text: str, progress: ProgressBar | None) -> None:
    if progress is None:
        print(text, file=sys.stderr)
    else:
        progress.note(text)


def summary(tally: Tally) -> str:
    """Return one line that counts decisions and skipped photos."""
    parts = [f"{tally.decisions[decision]} {decision}" for decision in Decision if tally.decisions[decision]]
    if tally.decisions[None]:
        parts.append(f"{tally.decisions[None]} answered without a decision")
    if tally.skipped:
        parts.append(f"{tally.skipped} skipped")
    return f"{counted(tally.asked, 'photo')}: {', '.join(parts)}"
