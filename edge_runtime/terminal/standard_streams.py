"""Standard input, output and error that the caller closed, for example with `>&-`.

Trap: Python sets a closed stream to None, and the next opened file gets its number. A library's output would then end
up in that file.
"""

from __future__ import annotations

import os
import sys

_STREAMS = ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w"))


def open_closed_streams() -> None:
    """Replace each closed standard stream with the null device."""
    for number, name, mode in _STREAMS:
        if getattr(sys, name) is not None:
            continue
        handle = os.open(os.devnull, os.O_RDWR)  # the lowest free number, maybe the stream's own
        if handle != number and not _is_open(number):
            os.dup2(handle, number)
            os.close(handle)
            handle = number
        setattr(sys, name, open(handle, mode, encoding="utf-8", closefd=False))  # noqa: SIM115  # stays open until the end


def silence_output() -> None:
    """Discard everything written to standard output from now on.

    Python flushes standard output once more at its end, and would report the closed pipe or the full disk again.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
