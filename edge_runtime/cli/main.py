"""`edge-identify`: identifies photos and searches by text, with a pack on this device and without a network.

A first word `sync` is the subcommand; `./sync` is a photo of that name. Each command is imported only when it is
chosen.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.edge_runtime.terminal.standard_streams import open_closed_streams
from edge_identify.edge_runtime.terminal.timely_end import end_soon_after_a_signal

_OBJECTS_BETWEEN_COLLECTIONS = 100_000  # more objects than imports make; imports leave no garbage


def main(argv: Sequence[str] | None = None) -> int:
    """Run `edge-identify` and return its exit code; the command itself, without `argv`, ends the process."""
    open_closed_streams()
    # On import, numpy's matrix library starts one thread per core: for a single photo, that costs more than it saves.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if argv is None:  # a caller that passes `argv` keeps its own setting
        # By default Python collects garbage after every 700 new objects: 5 % of a cold start, and it finds nothing.
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
        end_soon_after_a_signal()
    code = _run(list(sys.argv[1:] if argv is None else argv))
    if argv is None and sys.gettrace() is None and sys.getprofile() is None:  # their figures are written at the end
        _end_at_once(code)
    return code


def _end_at_once(code: int) -> NoReturn:
    """End the process without taking it apart: freeing the libraries' memory is an eighth of a cold start's CPU time.

    Nothing is left to be done here: no callback at the end is registered, and commands close what they write.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # a closed pipe or a full disk was told by the command
            stream.flush()
    os._exit(code)


def _run(words: list[str]) -> int:
    if words and words[0] in _SUBCOMMANDS:
        return _SUBCOMMANDS[words[0]](words[1:])
    if "--benchmark" in words:
        return _benchmark([word for word in words if word != "--benchmark"])
    if words and _may_be_subcommand(words[0]) and (meant := _nearest_subcommand(words[0])):
        print(
            f"error: {words[0]} is neither a subcommand nor a photo\n"
            f"did you mean edge-identify {meant}? see edge-identify --help",
            file=sys.stderr,
        )
        return ExitCode.USAGE
    return _identify(words)


def _may_be_subcommand(word: str) -> bool:
    """Return whether a word looks like a subcommand and no file or folder has that name."""
    return word.isascii() and word.isalpha() and not Path(word).exists()


def _nearest_subcommand(word: str) -> str | None:
    """Return the subcommand that a mistyped or similar word means; None if no subcommand is near."""
    from difflib import get_close_matches

    meanings = {name: name for name in _SUBCOMMANDS} | _OTHER_WORDS
    nearest = get_close_matches(word.lower(), list(meanings), n=1, cutoff=_LEAST_LIKENESS)
    return meanings[nearest[0]] if nearest else None


def _identify(words: list[str]) -> int:
    from edge_identify.edge_runtime.cli.identify_command import identify_main

    return identify_main(words)


def _search(words: list[str]) -> int:
    from edge_identify.edge_runtime.cli.search_command import search_main

    return search_main(words)


def _benchmark(words: list[str]) -> int:
    from edge_identify.edge_runtime.cli.benchmark_command import benchmark_main

    return benchmark_main(words)


def _sync(words: list[str]) -> int:
    from edge_identify.edge_runtime.cli.sync_commands import sync_main

    return sync_main(words)


def _trust(words: list[str]) -> int:
    from edge_identify.edge_runtime.cli.trust_command import trust_main

    return trust_main(words)


def _packs(words: list[str]) -> int:
    from edge_identify.edge_runtime.cli.sync_commands import packs_main

    return packs_main(words)


def _verify(words: list[str]) -> int:
    from edge_identify.edge_runtime.cli.sync_commands import verify_main

    return verify_main(words)


def _install(words: list[str]) -> int:
    from edge_identify.edge_runtime.cli.store_commands import install_main

    return install_main(words)


def _rollback(words: list[str]) -> int:
    from edge_identify.edge_runtime.cli.store_commands import rollback_main

    return rollback_main(words)


def _remove(words: list[str]) -> int:
    from edge_identify.edge_runtime.cli.store_commands import remove_main

    return remove_main(words)


def _prune(words: list[str]) -> int:
    from edge_identify.edge_runtime.cli.store_commands import prune_main

    return prune_main(words)


def _teach(words: list[str]) -> int:
    from edge_identify.edge_runtime.cli.teach_commands import teach_main

    return teach_main(words)


def _taught(words: list[str]) -> int:
    from edge_identify.edge_runtime.cli.teach_commands import taught_main

    return taught_main(words)


_SUBCOMMANDS: dict[str, Callable[[list[str]], int]] = {
    "search": _search,
    "sync": _sync,
    "trust": _trust,
    "packs": _packs,
    "verify": _verify,
    "install": _install,
    "rollback": _rollback,
    "remove": _remove,
    "prune": _prune,
    "teach": _teach,
    "taught": _taught,
}

#: Subcommands of similar programs, and what they are called here.
_OTHER_WORDS = {
    "uninstall": "remove", "delete": "remove", "undo": "rollback", "clean": "prune",
    "fetch": "sync", "pull": "sync", "update": "sync", "list": "packs", "find": "search",
    "check": "verify", "benchmark": "--benchmark", "help": "--help", "version": "--version",
}  # fmt: skip

_LEAST_LIKENESS = 0.75  # of difflib: `serch` and `pack` pass, `photo` and `images` do not
