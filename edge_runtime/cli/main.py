"""`edge-identify`: photos and texts answered from a pack on this device, with no network.

A first word that names a subcommand is one; `./sync` names a photo called sync. What a command needs is imported only
once it was chosen and this process was told how to start.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence

from edge_identify.edge_runtime.terminal.standard_streams import open_closed_streams

_OBJECTS_BETWEEN_COLLECTIONS = 100_000  # more than are made while libraries load, which leaves no garbage


def main(argv: Sequence[str] | None = None) -> int:
    """Run `edge-identify` and return its exit code."""
    open_closed_streams()
    # numpy's matrix library starts a thread for each core when it is imported, which costs more than one answer gains.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if argv is None:  # this process is ours alone; who hands words over keeps its own setting
        # Python looks for garbage after every 700 new objects: a twentieth of a cold start, and nothing is found.
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in _SUBCOMMANDS:
        return _SUBCOMMANDS[words[0]](words[1:])
    if "--benchmark" in words:
        return _benchmark([word for word in words if word != "--benchmark"])
    return _identify(words)


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


def _packs(words: list[str]) -> int:
    from edge_identify.edge_runtime.cli.sync_commands import packs_main

    return packs_main(words)


def _verify(words: list[str]) -> int:
    from edge_identify.edge_runtime.cli.sync_commands import verify_main

    return verify_main(words)


_SUBCOMMANDS: dict[str, Callable[[list[str]], int]] = {
    "search": _search,
    "sync": _sync,
    "packs": _packs,
    "verify": _verify,
}
