"""Standard input, output and error where whoever started the program has closed some of them, as `>&-` does.

A newcomer would take them for always there. Python sets a closed one to None, and the next file that is opened gets
its number: what a library prints would end up in that file.
"""

from __future__ import annotations

import os
import sys

_STREAMS = ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w"))


def open_closed_streams() -> None:
    """Let the null device take the place of each standard stream that is closed: it is empty, and keeps nothing."""
    for number, name, mode in _STREAMS:
        if getattr(sys, name) is not None:
            continue
        handle = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which may be the stream's own
        if handle != number and not _is_open(number):
            os.dup2(handle, number)
            os.close(handle)
            handle = number
        setattr(sys, name, open(handle, mode, encoding="utf-8", closefd=False))  # noqa: SIM115  # as long as we live


def silence_output() -> None:
    """Let what is still to be written to standard output go nowhere, once whoever read it has gone.

    Python flushes it once more while it ends, and would complain about the closed pipe or the full disk.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
