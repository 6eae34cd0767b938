"""Where the answers to photos go, as the options of `edge-identify` choose."""

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
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.standard_streams import silence_output

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.answered_by import AnsweredBy
    from edge_identify.edge_runtime.cli.outputs.terminal_images import AnswerPictures
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.pack.thumbnails_file import ThumbnailTable
    from edge_identify.edge_runtime.terminal.progress_bar import ProgressBar
    from edge_identify.edge_runtime.terminal.terminal_text import Screen

MANY_PHOTOS = 16  # from here on, a screen for each is too much, and loading FAISS and a thread for each core is repaid


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add `--jsonl`, `--html` and `--pictures`."""
    parser.add_argument("--jsonl", action="store_true", help="print a line of JSON for each photo once it is known")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with each photo beside its answer")
    parser.add_argument(
        "--pictures",
        choices=("auto", "always", "never"),
        default="auto",
        help="show thumbnails in the terminal: where it says that it can (auto, the default), always or never",
    )


def chosen_outputs(
    options: argparse.Namespace,
    pack: Pack,
    answered_by: AnsweredBy,
    page: BinaryIO | None,
    count: int,
    stack: ExitStack,
) -> tuple[AnswerOutput, ...]:
    """Return where answers go, at least one place; each gets every answer.

    Args:
        options: Of the command line.
        pack: Its thumbnails are shown.
        answered_by: Pack and encoder, named beside the answers.
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
        outputs.append(_html_report(options.html, page, pack, answered_by, stack))
    return tuple(outputs) or (_screen(options, pack, answered_by, count, stack),)


def _html_report(path: Path, file: BinaryIO, pack: Pack, answered_by: AnsweredBy, stack: ExitStack) -> AnswerOutput:
    from edge_identify.edge_runtime.answers.html_report import HtmlReport

    return stack.enter_context(HtmlReport(file, answered_by, _thumbnails(pack, stack), path.parent))


def _screen(
    options: argparse.Namespace, pack: Pack, answered_by: AnsweredBy, count: int, stack: ExitStack
) -> AnswerOutput:
    from edge_identify.edge_runtime.terminal.terminal_text import screen_of

    screen = screen_of(sys.stdout)
    if count >= MANY_PHOTOS:
        return ScreenOutput(answered_by, screen, one_line_each=True)
    return ScreenOutput(answered_by, screen, pictures=_pictures(options.pictures, pack, screen, stack))


def _pictures(when: str, pack: Pack, screen: Screen, stack: ExitStack) -> AnswerPictures | None:
    if when == "never" or (when == "auto" and not sys.stdout.isatty()):
        return None
    from edge_identify.edge_runtime.cli.outputs.terminal_images import AnswerPictures, PictureProtocol, protocol_of

    protocol = protocol_of(os.environ)
    if protocol is None and when == "always":
        protocol = PictureProtocol.KITTY  # which most terminals that show pictures understand
    return None if protocol is None else AnswerPictures(protocol, screen, _thumbnails(pack, stack))


def _thumbnails(pack: Pack, stack: ExitStack) -> ThumbnailTable | None:
    from edge_identify.edge_runtime.pack.thumbnails_file import open_thumbnails

    thumbnails = open_thumbnails(pack)
    return None if thumbnails is None else stack.enter_context(thumbnails)


def show_all(
    answers: Iterable[Identification | FailedPhoto],
    outputs: Sequence[AnswerOutput],
    tally: Tally,
    progress: ProgressBar | None,
) -> KeyboardInterrupt | None:
    """Show answers as they come, and what is wrong with a photo on standard error.

    Args:
        answers: In the order of the questions.
        outputs: Each gets every answer. Whoever reads standard output may have read enough (`| head`); the others
            are finished all the same.
        tally: Counts them.
        progress: Counts them for the eye until the last is shown; None for one photo.

    Returns:
        What ended the run early, for the caller to raise once all files are whole; None for a run that has ended.

    Raises:
        BrokenPipeError: Nobody reads the only output any more.
    """
    interruption = None
    read = _StillRead(outputs)
    with progress or nullcontext():  # gone before anything else is written to the same terminal
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
    read.each(methodcaller("finish"))
    return interruption


class _StillRead:
    """The outputs that somebody still reads; a file always is."""

    def __init__(self, outputs: Sequence[AnswerOutput]) -> None:
        self._outputs = list(outputs)

    def each(self, write: Callable[[AnswerOutput], None]) -> None:
        """Write to each; one that nobody reads any more is left out from then on, and is an error if it is the last."""
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
    """Return a line that says what has come of several photos."""
    parts = [f"{tally.decisions[decision]} {decision}" for decision in Decision if tally.decisions[decision]]
    if tally.decisions[None]:
        parts.append(f"{tally.decisions[None]} answered without a decision")
    if tally.skipped:
        parts.append(f"{tally.skipped} skipped")
    return f"{tally.asked} {'photo' if tally.asked == 1 else 'photos'}: {', '.join(parts)}"
