"""`edge-identify PHOTO...`: names what photos show.

The first photo is prepared while the encoder loads; a newcomer would do one after the other.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime import __version__
from edge_identify.edge_runtime.commands.answers import Answer, add_answer_options, print_answers
from edge_identify.edge_runtime.commands.choosing import add_pack_options, chosen_pack
from edge_identify.edge_runtime.commands.running import EXIT_CODES_HELP, ExitCode, printable, run_command
from edge_identify.edge_runtime.errors import PhotoError

if TYPE_CHECKING:
    from edge_identify.edge_runtime.identification import Identification
    from edge_identify.edge_runtime.pack.reader import Pack

MANY_PHOTOS = 16  # from here on, loading FAISS and a thread for each core is repaid

_DESCRIPTION = """\
example:
  edge-identify photo.jpg

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
    options = _parser().parse_args(words)
    return run_command(lambda: _identify(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-identify",
        description=_DESCRIPTION,
        epilog=EXIT_CODES_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("photos", metavar="PHOTO", nargs="+", help="JPEG, PNG, GIF, BMP, WebP or TIFF")
    add_pack_options(parser)
    add_answer_options(parser)
    parser.add_argument("--version", action="version", version=f"edge-identify {__version__}")
    return parser


def _identify(options: argparse.Namespace) -> ExitCode:
    pack, answers = _answers(options)
    failed = [answer for answer in answers if isinstance(answer.result, PhotoError)]
    if len(answers) == 1 and isinstance(answers[0].result, PhotoError) and not options.json:
        raise answers[0].result
    print_answers(answers, pack.manifest.name, str(pack.manifest.version), as_json=options.json)
    for answer in failed:
        print(f"skipped: {printable(str(answer.result))}", file=sys.stderr)
    if failed:
        print(f"{len(failed)} of {len(answers)} photos skipped", file=sys.stderr)
    if len(failed) == len(answers):
        return ExitCode.PHOTO
    return ExitCode.SOME_SKIPPED if failed else ExitCode.DONE


def _answers(options: argparse.Namespace) -> tuple[Pack, list[Answer]]:
    from edge_identify.edge_runtime.identification import Identifier
    from edge_identify.edge_runtime.prepared_photos import PhotoInPreparation

    first, *others = options.photos
    pack = chosen_pack(options)
    with PhotoInPreparation(Path(first), pack.manifest.preprocessing) as preparing:
        identifier = Identifier(pack, many=len(options.photos) >= MANY_PHOTOS)
    with identifier:
        answers = [_answer(first, lambda: identifier.identify_prepared(preparing.result(), top_k=options.top_k))]
        for photo in others:
            answers.append(_answer(photo, partial(identifier.identify, Path(photo), top_k=options.top_k)))
    return pack, answers


def _answer(photo: str, identify: Callable[[], Identification]) -> Answer:
    try:
        return Answer(kind="photo", question=photo, result=identify())
    except PhotoError as error:
        return Answer(kind="photo", question=photo, result=error)
