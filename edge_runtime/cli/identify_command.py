"""`edge-identify PHOTO...`: identifies what photos show.

The first photo is prepared while the encoder loads.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
from edge_identify.edge_runtime.answers.tally import Tally
from edge_identify.edge_runtime.cli.inputs.photo_paths import (
    STANDARD_INPUT,
    AskedPhoto,
    name_of_asked,
    photo_paths,
)
from edge_identify.edge_runtime.cli.inputs.same_thing_photos import (
    add_together_option,
    check_together_option,
)
from edge_identify.edge_runtime.cli.options.answer_options import add_answer_options
from edge_identify.edge_runtime.cli.options.geometry_options import add_geometry_options, check_explainable
from edge_identify.edge_runtime.cli.options.output_options import add_output_options, show_all, summary
from edge_identify.edge_runtime.cli.options.pack_options import LeftOutPacks, add_pack_options, chosen_packs
from edge_identify.edge_runtime.cli.options.place_options import (
    add_place_options,
    check_place_options,
    joined_coordinates,
)
from edge_identify.edge_runtime.cli.outputs.decision_exit_code import exit_code_of
from edge_identify.edge_runtime.cli.photo_answers import answer_count, ask_one, ask_several
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.photos.passed_over import PassedOver
from edge_identify.edge_runtime.terminal.command_parser import CommandParser
from edge_identify.edge_runtime.terminal.command_run import run_command
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.edge_runtime.terminal.filter_options import add_filter_options
from edge_identify.edge_runtime.terminal.geometry_option import joined_geometry_mode
from edge_identify.edge_runtime.terminal.version_option import add_version_option

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.photos.regions import Region
    from edge_identify.edge_runtime.terminal.progress_bar import ProgressBar

_EXAMPLES = (
    "edge-identify photo.jpg",
    "edge-identify holiday/ --html holiday.html",
    "edge-identify --same-thing front.jpg back.jpg",
)

_DESCRIPTION = """\
Identifies what photos show, with the packs on this device. Nothing is sent over the network.
If several packs are installed, all are asked, and the most certain answer counts.

subcommands, each with its own --help:
  edge-identify search TEXT     find references by a text
  edge-identify sync URL        fetch the newest version of a pack from a server
  edge-identify trust URL       pin the root of a server, whose signatures sync checks
  edge-identify packs           list the packs on this device
  edge-identify verify          check every byte of the packs on this device
  edge-identify install         install a pack from an .edgepack file
  edge-identify rollback        go back to the version of a pack before
  edge-identify remove          remove a pack
  edge-identify prune           make room: remove versions before
  edge-identify teach PHOTO     teach this device a thing that the pack does not know
  edge-identify taught          list, forget or contribute what was taught
  edge-identify --benchmark     measure this machine with a pack"""

_EXIT_CODES = (
    ExitCode.SOME_SKIPPED, ExitCode.UNKNOWN, ExitCode.AMBIGUOUS, ExitCode.PHOTO, ExitCode.PACK, ExitCode.PROBABLY,
)  # fmt: skip

_MEANINGS = {
    ExitCode.DONE: "identified; several photos: all answered",
    ExitCode.UNKNOWN: "unknown: not in the pack (one photo, or --same-thing)",
    ExitCode.AMBIGUOUS: "ambiguous: one of several look-alikes (one photo, or --same-thing)",
    ExitCode.PHOTO: "no photo could be used",
    ExitCode.PROBABLY: "probably the named reference: check it (one photo, or --same-thing)",
}


def identify_main(words: list[str]) -> int:
    """Run `edge-identify PHOTO...`."""
    parser = identify_parser()
    options = _checked(parser.parse_args(joined_geometry_mode(joined_coordinates(words))), parser)
    return run_command(lambda: _identify(options))


def identify_parser() -> CommandParser:
    """Return the parser of `edge-identify PHOTO...`."""
    parser = CommandParser(
        prog="edge-identify",
        examples=_EXAMPLES,
        description=_DESCRIPTION,
        exit_codes=_EXIT_CODES,
        meanings=_MEANINGS,
    )
    parser.add_argument(
        "photos",
        metavar="PHOTO",
        nargs="+",
        help="image file: JPEG, PNG, GIF, BMP, WebP, TIFF, or HEIC with the extra [heic]; a folder, searched with its "
        "subfolders; or - for standard input: one picture, or paths, one per line",
    )
    _add_photo_options(parser)
    add_pack_options(parser)
    add_place_options(parser)
    add_filter_options(parser)
    output = add_answer_options(parser)
    add_output_options(output)
    add_geometry_options(parser)
    add_version_option(parser, "edge-identify")
    return parser


def _add_photo_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("photos")
    group.add_argument(
        "--roi",
        type=_region,
        metavar="X,Y,W,H",
        help="use only this region of each photo, in its upright orientation: left, top, width, height; in pixels "
        "(120,80,400,300), as shares (0.1,0.1,0.5,0.5) or in percent (10%%,10%%,50%%,50%%)",
    )
    add_together_option(group)
    group.add_argument(
        "-0", "--null", action="store_true", help="paths on standard input end with NUL, not with a line break"
    )


def _region(text: str) -> Region:
    from edge_identify.edge_runtime.photos.regions import parse_region

    try:
        return parse_region(text)
    except SetupError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _checked(options: argparse.Namespace, parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Return the options; end the program with a usage error if they contradict each other."""
    if options.json and options.jsonl:
        parser.error("--json and --jsonl cannot be combined\n--json prints one object, --jsonl one line per photo")
    if options.photos.count(STANDARD_INPUT) > 1:
        parser.error("- (standard input) can be given only once\na photo of that name is ./-")
    if options.null and STANDARD_INPUT not in options.photos:
        parser.error("--null needs - as a PHOTO\nexample: find . -name '*.jpg' -print0 | edge-identify --null -")
    check_place_options(options, parser)
    check_together_option(options, parser)
    return options


def _identify(options: argparse.Namespace) -> ExitCode:
    passed_over = PassedOver()
    asked = _asked_photos(options, passed_over)
    is_single = _is_single(options, asked)
    check_explainable(options, len(asked))
    _check_nothing_lost(options, asked)
    tally = Tally()
    left_out = LeftOutPacks()
    with ExitStack() as stack:
        stack.enter_context(_standard_output_reserved(options))
        # First: a file that cannot be written is an error before the work, not after it.
        page = stack.enter_context(_page_file(options.html))
        chosen = chosen_packs(options)
        left_out.report_all(chosen.damaged)
        _check_outside_packs(options, chosen.packs)
        ask = partial(ask_several, left_out=left_out) if chosen.are_several else ask_one
        answers, outputs = ask(options, chosen.packs, asked, page, stack)
        if is_single and not (options.json or options.jsonl or options.html):
            answers = map(_or_raise, answers)
        interruption = show_all(answers, outputs, tally, _progress(options, answer_count(options, asked)))
    if not (is_single or options.same_thing):
        print(summary(tally), file=sys.stderr)
    if passed_over.total:
        print(f"passed over: {printable(str(passed_over))}", file=sys.stderr)
    if interruption is not None:
        raise interruption
    return left_out.code_of(exit_code_of(tally, is_single=is_single or options.same_thing))


def _is_single(options: argparse.Namespace, asked: Sequence[AskedPhoto]) -> bool:
    """Return whether the command line names one photo, or standard input that is no list of paths."""
    if len(asked) != 1 or len(options.photos) != 1:
        return False
    return options.photos == [name_of_asked(asked[0])] or (
        options.photos == [STANDARD_INPUT] and not isinstance(asked[0], str)
    )


def _check_nothing_lost(options: argparse.Namespace, asked: Sequence[AskedPhoto]) -> None:
    if not (options.html or options.explain):
        return
    from edge_identify.edge_runtime.io.output_files import check_nothing_lost

    check_nothing_lost({"--html": options.html, "--explain": options.explain}, map(name_of_asked, asked))


def _asked_photos(options: argparse.Namespace, passed_over: PassedOver) -> list[AskedPhoto]:
    """Return the paths of the photos. The search of a large folder is shown."""
    paths = photo_paths(options.photos, null_separated=options.null, passed_over=passed_over)
    if not any(map(os.path.isdir, options.photos)):
        return list(paths)
    from edge_identify.edge_runtime.terminal.step_progress import shown_progress

    with shown_progress.closing():
        return list(shown_progress("looking for photos", paths))


def _standard_output_reserved(options: argparse.Namespace) -> AbstractContextManager[None]:
    if not (options.html or options.explain):
        return nullcontext()
    from edge_identify.edge_runtime.io.output_files import standard_output_reserved

    others = [option for option, is_given in (("--json", options.json), ("--jsonl", options.jsonl)) if is_given]
    return standard_output_reserved({"--html": options.html, "--explain": options.explain}, *others)


def _check_outside_packs(options: argparse.Namespace, packs: Sequence[Pack]) -> None:
    if not (options.html or options.explain):
        return
    from edge_identify.edge_runtime.io.output_files import check_outside_pack

    for pack in packs:
        check_outside_pack({"--html": options.html, "--explain": options.explain}, pack.folder)


def _page_file(path: Path | None) -> AbstractContextManager[BinaryIO | None]:
    if path is None:
        return nullcontext()
    from edge_identify.edge_runtime.answers.html_report import page_file

    return page_file(path)


def _or_raise(answer: Identification | FailedPhoto) -> Identification:
    if isinstance(answer, FailedPhoto):
        raise answer.error
    return answer


def _progress(options: argparse.Namespace, count: int) -> ProgressBar | None:
    """Return a progress bar for several photos. It stays hidden when answers scroll on the same terminal."""
    if count == 1:
        return None
    from edge_identify.edge_runtime.terminal.progress_bar import ProgressBar

    scrolls = sys.stdout.isatty() and not (options.json or (options.html and not options.jsonl))
    return ProgressBar(count, sys.stderr, is_shown=not scrolls)
