"""`edge-identify PHOTO...`: names what photos show.

The first photo is prepared while the encoder loads; a newcomer would do one after the other.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from edge_identify.edge_runtime import __version__
from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
from edge_identify.edge_runtime.answers.tally import Tally
from edge_identify.edge_runtime.cli.inputs.photo_paths import STANDARD_INPUT, photos_asked_for
from edge_identify.edge_runtime.cli.inputs.same_thing_photos import (
    add_together_option,
    answer_together,
    check_together_option,
)
from edge_identify.edge_runtime.cli.options.answer_options import add_answer_options
from edge_identify.edge_runtime.cli.options.geometry_options import (
    add_geometry_options,
    check_explainable,
    wanted_matches,
    with_geometry,
)
from edge_identify.edge_runtime.cli.options.output_options import (
    MANY_PHOTOS,
    add_output_options,
    chosen_outputs,
    show_all,
    summary,
)
from edge_identify.edge_runtime.cli.options.pack_options import add_pack_options, chosen_pack
from edge_identify.edge_runtime.cli.options.place_options import (
    add_place_options,
    check_place_options,
    chosen_positions,
    joined_coordinates,
)
from edge_identify.edge_runtime.cli.outputs.decision_exit_code import exit_code_of
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.search.photo_batches import ReadyPhoto, answers_in_batches, make_ready, ready_photos
from edge_identify.edge_runtime.terminal.command_run import run_command
from edge_identify.edge_runtime.terminal.exit_codes import EXIT_CODES_HELP, ExitCode
from edge_identify.edge_runtime.terminal.filter_options import add_filter_options, chosen_filters

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.pack_reader import Pack
    from edge_identify.edge_runtime.photos.prepared_photos import PhotoInPreparation
    from edge_identify.edge_runtime.photos.regions import Region
    from edge_identify.edge_runtime.search.identifier import Identifier
    from edge_identify.edge_runtime.terminal.progress_bar import ProgressBar

_HELP_COLUMNS = 80  # where there is no terminal to ask, as argparse has it

_DESCRIPTION = """\
example:
  edge-identify photo.jpg
  edge-identify holiday/ --html holiday.html
  edge-identify --same-thing front.jpg back.jpg

Names what photos show, from a pack on this device; nothing is sent anywhere.

other uses:
  edge-identify search TEXT     find references by a description
  edge-identify sync URL        fetch the newest version of a pack from a server
  edge-identify packs           list the packs on this device
  edge-identify verify          check the packs on this device, byte by byte
  edge-identify --benchmark     tell what this machine does, in milliseconds
Each has its own --help."""


def identify_main(words: list[str]) -> int:
    """Run `edge-identify PHOTO...`."""
    parser = _parser()
    options = _checked(parser.parse_args(joined_coordinates(words)), parser)
    return run_command(lambda: _identify(options))


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal.

    argparse makes a formatter for each option that is added, and to ask for the width it loads three compression
    libraries: 2 ms of a cold start for a help text that nobody asked for.
    """

    def __init__(self, prog: str) -> None:
        try:
            columns = os.get_terminal_size(sys.stdout.fileno()).columns
        except OSError:  # no terminal
            columns = 0
        super().__init__(prog, width=(columns or _HELP_COLUMNS) - 2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-identify",
        description=_DESCRIPTION,
        epilog=EXIT_CODES_HELP,
        formatter_class=_HelpFormatter,
    )
    parser.add_argument(
        "photos",
        metavar="PHOTO",
        nargs="+",
        help="JPEG, PNG, GIF, BMP, WebP or TIFF; a folder of them; or - for paths on standard input, a line each",
    )
    parser.add_argument(
        "--roi",
        type=_region,
        metavar="X,Y,W,H",
        help="look only at this part of each photo as it is seen: its left, top, width and height in pixels "
        "(120,80,400,300), as shares (0.1,0.1,0.5,0.5) or in percent (10%%,10%%,50%%,50%%)",
    )
    add_together_option(parser)
    parser.add_argument("-0", "--null", action="store_true", help="paths on standard input end with NUL")
    add_pack_options(parser)
    add_answer_options(parser)
    add_place_options(parser)
    add_filter_options(parser)
    add_output_options(parser)
    add_geometry_options(parser)
    parser.add_argument("--version", action="version", version=f"edge-identify {__version__}")
    return parser


def _region(text: str) -> Region:
    from edge_identify.edge_runtime.photos.regions import parse_region

    try:
        return parse_region(text)
    except SetupError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _checked(options: argparse.Namespace, parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Return options that go together; for others, end the program as `parser` does."""
    if options.json and options.jsonl:
        parser.error("--json prints one object and --jsonl a line for each photo: choose one")
    if options.photos.count(STANDARD_INPUT) > 1:
        parser.error("- is standard input, which can be read once; ./- is a photo of that name")
    if options.null and STANDARD_INPUT not in options.photos:
        parser.error("--null says how paths on standard input end; give - as a PHOTO to read them")
    check_place_options(options, parser)
    check_together_option(options, parser)
    return options


def _identify(options: argparse.Namespace) -> ExitCode:
    asked = list(photos_asked_for(options.photos, null_separated=options.null))
    is_single = len(asked) == 1 and options.photos == [_path(asked[0])]
    check_explainable(options, len(asked))
    _check_nothing_lost(options, asked)
    tally = Tally()
    with ExitStack() as stack:
        # First, so that a place that cannot be written is known before the work and not after it.
        page = stack.enter_context(_page_file(options.html))
        pack = chosen_pack(options)
        _check_outside_pack(options, pack)
        identifier, first = _opened(pack, asked, options)
        stack.enter_context(identifier)
        count = 1 if options.same_thing else len(asked)
        outputs = chosen_outputs(options, pack, identifier, page, count, stack)
        with_thumbnails = any(output.shows_photos for output in outputs)
        ready = _ready_photos(pack, asked, first, stack, options, with_thumbnails=with_thumbnails)
        answers = with_geometry(options, pack, identifier, _answers(options, identifier, ready), stack)
        if is_single and not (options.json or options.jsonl or options.html):
            answers = map(_or_raise, answers)
        interruption = show_all(answers, outputs, tally, _progress(options, count))
    if not (is_single or options.same_thing):
        print(summary(tally), file=sys.stderr)
    if interruption is not None:
        raise interruption
    return exit_code_of(tally, is_single=is_single or options.same_thing)


def _check_nothing_lost(options: argparse.Namespace, asked: Sequence[str | FailedPhoto]) -> None:
    if not (options.html or options.explain):
        return
    from edge_identify.edge_runtime.io.output_files import check_nothing_lost

    check_nothing_lost({"--html": options.html, "--explain": options.explain}, map(_path, asked))


def _check_outside_pack(options: argparse.Namespace, pack: Pack) -> None:
    if not (options.html or options.explain):
        return
    from edge_identify.edge_runtime.io.output_files import check_outside_pack

    check_outside_pack({"--html": options.html, "--explain": options.explain}, pack.folder)


def _answers(
    options: argparse.Namespace, identifier: Identifier, ready: Iterator[ReadyPhoto | FailedPhoto]
) -> Iterator[Identification | FailedPhoto]:
    if options.same_thing:
        return answer_together(ready, partial(identifier.identify_together, top_k=options.top_k))
    return answers_in_batches(ready, partial(identifier.identify_batch, top_k=wanted_matches(options)))


def _path(asked: str | FailedPhoto) -> str:
    return asked if isinstance(asked, str) else asked.question


def _page_file(path: Path | None) -> AbstractContextManager[BinaryIO | None]:
    if path is None:
        return nullcontext()
    from edge_identify.edge_runtime.answers.html_report import page_file

    return page_file(path)


def _opened(
    pack: Pack, asked: Sequence[str | FailedPhoto], options: argparse.Namespace
) -> tuple[Identifier, PhotoInPreparation]:
    """Load what identifying needs while the first photo is prepared."""
    from edge_identify.edge_runtime.photos.prepared_photos import PhotoInPreparation
    from edge_identify.edge_runtime.search.identifier import Identifier

    recipe = pack.manifest.preprocessing
    with PhotoInPreparation(Path(_path(asked[0])), recipe, options.roi, chosen_positions(options)) as first:
        return Identifier(pack, many=len(asked) >= MANY_PHOTOS, filters=chosen_filters(options)), first


def _ready_photos(
    pack: Pack,
    asked: Sequence[str | FailedPhoto],
    first: PhotoInPreparation,
    stack: ExitStack,
    options: argparse.Namespace,
    *,
    with_thumbnails: bool,
) -> Iterator[ReadyPhoto | FailedPhoto]:
    """Return the photos, of which the first was prepared before, made ready as they are taken."""
    from edge_identify.edge_runtime.photos.prepared_photos import prepare_photo

    prepare = partial(
        prepare_photo,
        recipe=pack.manifest.preprocessing,
        region=options.roi,
        position_of=chosen_positions(options),
    )
    make_one_ready = partial(make_ready, with_thumbnail=with_thumbnails, region=options.roi)
    others = ready_photos(asked[1:], partial(make_one_ready, prepare=prepare))
    stack.enter_context(closing(others))
    ready = make_one_ready(asked[0], prepare=lambda _: first.result())
    return chain([ready], others)


def _or_raise(answer: Identification | FailedPhoto) -> Identification:
    if isinstance(answer, FailedPhoto):
        raise answer.error
    return answer


def _progress(options: argparse.Namespace, count: int) -> ProgressBar | None:
    """Return a bar for several photos; none is drawn where answers scroll by on the same terminal."""
    if count == 1:
        return None
    from edge_identify.edge_runtime.terminal.progress_bar import ProgressBar

    scrolls = sys.stdout.isatty() and not (options.json or (options.html and not options.jsonl))
    return ProgressBar(count, sys.stderr, is_shown=not scrolls)
