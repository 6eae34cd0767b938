"""`edge-identify`: photos and texts answered from a pack on this device, with no network.

A first word that names a subcommand is one; `./sync` names a photo called sync.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_identify.edge_runtime import __version__
from edge_identify.edge_runtime.commands.answers import Answer, answer_lines, answers_as_json
from edge_identify.edge_runtime.commands.choosing import add_pack_options, chosen_pack
from edge_identify.edge_runtime.commands.running import EXIT_CODES_HELP, ExitCode, printable, run_command
from edge_identify.edge_runtime.errors import PhotoError, SetupError

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

_SEARCH_DESCRIPTION = """\
example:
  edge-identify search "a red mosaic of a crab"

Finds references by a description, from a pack on this device."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `edge-identify` and return its exit code."""
    # numpy's matrix library starts a thread for each core when it is imported, which costs more than one answer gains.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in _SUBCOMMANDS:
        return _SUBCOMMANDS[words[0]](words[1:])
    if "--benchmark" in words:
        return _benchmark([word for word in words if word != "--benchmark"])
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
    _add_answer_options(parser)
    parser.add_argument("--version", action="version", version=f"edge-identify {__version__}")
    return parser


def _identify(options: argparse.Namespace) -> ExitCode:
    from edge_identify.edge_runtime.identification import Identifier

    pack = chosen_pack(options)
    with Identifier(pack, many=len(options.photos) >= MANY_PHOTOS) as identifier:
        answers = [_answer_photo(identifier.identify, photo, options.top_k) for photo in options.photos]
    failed = [answer for answer in answers if isinstance(answer.result, PhotoError)]
    if len(answers) == 1 and isinstance(answers[0].result, PhotoError) and not options.json:
        raise answers[0].result
    _print_answers(answers, pack.manifest.name, str(pack.manifest.version), as_json=options.json)
    for answer in failed:
        print(f"skipped: {printable(str(answer.result))}", file=sys.stderr)
    if failed:
        print(f"{len(failed)} of {len(answers)} photos skipped", file=sys.stderr)
    if len(failed) == len(answers):
        return ExitCode.PHOTO
    return ExitCode.SOME_SKIPPED if failed else ExitCode.DONE


def _answer_photo(identify: Callable[..., object], photo: str, top_k: int) -> Answer:
    from edge_identify.edge_runtime.identification import Identification

    try:
        result = identify(Path(photo), top_k=top_k)
    except PhotoError as error:
        return Answer(kind="photo", question=photo, result=error)
    assert isinstance(result, Identification)
    return Answer(kind="photo", question=photo, result=result)


def _search(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="edge-identify search",
        description=_SEARCH_DESCRIPTION,
        epilog=EXIT_CODES_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("text", metavar="TEXT", help="a description, in quotes")
    add_pack_options(parser)
    _add_answer_options(parser)
    options = parser.parse_args(words)
    return run_command(lambda: _run_search(options))


def _run_search(options: argparse.Namespace) -> ExitCode:
    from edge_identify.edge_runtime.identification import TextSearcher

    if not options.text.strip():
        raise SetupError('the text is empty; describe what you look for, such as "a red mosaic"')
    pack = chosen_pack(options)
    with TextSearcher(pack) as searcher:
        result = searcher.search(options.text, top_k=options.top_k)
    answers = [Answer(kind="text", question=options.text, result=result)]
    _print_answers(answers, pack.manifest.name, str(pack.manifest.version), as_json=options.json)
    return ExitCode.DONE


def _add_answer_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--top-k", type=_top_k, default=5, metavar="N", help="references to show (default 5)")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object, as commands/answers.py documents it"
    )


def _top_k(text: str) -> int:
    from edge_identify.edge_runtime.identification import MAX_TOP_K

    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_TOP_K:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_TOP_K}")
    return int(text)


def _print_answers(answers: list[Answer], pack_name: str, pack_version: str, *, as_json: bool) -> None:
    from edge_identify.edge_runtime.identification import Identification

    results = [answer.result for answer in answers if isinstance(answer.result, Identification)]
    encoder = results[0].variant_name if results else ""
    if as_json:
        print(answers_as_json(answers, pack_name=pack_name, pack_version=pack_version, encoder=encoder))
        return
    for answer in answers:
        if isinstance(answer.result, Identification):
            print("\n".join(answer_lines(answer)))
    if results:
        milliseconds = 1000 * sum(result.seconds for result in results) / len(results)
        print(
            f"{pack_name} {pack_version} · {encoder} · {milliseconds:.0f} ms each · "
            "scores are similarities (1 is identical), not probabilities",
            file=sys.stderr,
        )


def _benchmark(words: list[str]) -> int:
    from edge_identify.edge_runtime.commands.benchmarking import benchmark_main

    return benchmark_main(words)


def _sync(words: list[str]) -> int:
    from edge_identify.edge_runtime.commands.keeping import sync_main

    return sync_main(words)


def _packs(words: list[str]) -> int:
    from edge_identify.edge_runtime.commands.keeping import packs_main

    return packs_main(words)


def _verify(words: list[str]) -> int:
    from edge_identify.edge_runtime.commands.keeping import verify_main

    return verify_main(words)


_SUBCOMMANDS: dict[str, Callable[[list[str]], int]] = {
    "search": _search,
    "sync": _sync,
    "packs": _packs,
    "verify": _verify,
}
