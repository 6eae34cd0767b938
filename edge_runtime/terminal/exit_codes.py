"""The exit codes of the three commands, and the code of each error."""

from __future__ import annotations

from enum import IntEnum

from edge_identify.edge_runtime.errors import EdgeIdentifyError, NetworkError, PackError, PhotoError


class ExitCode(IntEnum):
    """The exit codes of all commands; `MEANINGS` describes them."""

    DONE = 0
    SOME_SKIPPED = 1
    USAGE = 2  # argparse's own code for a wrong command line
    UNKNOWN = 3
    AMBIGUOUS = 4
    PHOTO = 5
    PACK = 6
    NETWORK = 7
    SETUP = 8
    FOUND_SERIOUS = 9
    PROBABLY = 10  # not 0: a script that takes 0 for certain stays right
    BUG = 70  # EX_SOFTWARE of sysexits.h
    OUT_OF_MEMORY = 71  # EX_OSERR
    INTERRUPTED = 130  # the shell's code for Ctrl-C
    TERMINATED = 143  # the shell's code for SIGTERM


#: The codes of `edge-identify PHOTO` when there is an answer.
ANSWERED = frozenset({ExitCode.DONE, ExitCode.PROBABLY, ExitCode.UNKNOWN, ExitCode.AMBIGUOUS})

#: What each code means, for help texts.
MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.SOME_SKIPPED: "done, but some inputs were skipped; standard error lists them",
    ExitCode.USAGE: "wrong usage",
    ExitCode.UNKNOWN: "unknown: the pack has nothing for the photo or the text",
    ExitCode.AMBIGUOUS: "ambiguous: the photo shows one of several look-alikes",
    ExitCode.PHOTO: "no usable image",
    ExitCode.PACK: "a pack is missing or damaged",
    ExitCode.NETWORK: "network or server error",
    ExitCode.SETUP: "set-up error: for example a missing file, a missing library, a full disk",
    ExitCode.FOUND_SERIOUS: "at least one serious finding",
    ExitCode.PROBABLY: "probably: the photo probably shows the named reference; check it",
    ExitCode.BUG: "bug in this program",
    ExitCode.OUT_OF_MEMORY: "out of memory",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C)",
    ExitCode.TERMINATED: "terminated (SIGTERM)",
}

#: What every command can return.
EVERY_COMMAND = frozenset(
    {
        ExitCode.DONE,
        ExitCode.USAGE,
        ExitCode.SETUP,
        ExitCode.OUT_OF_MEMORY,
        ExitCode.BUG,
        ExitCode.INTERRUPTED,
        ExitCode.TERMINATED,
    }
)


def exit_code_for(error: EdgeIdentifyError) -> ExitCode:
    """Return the exit code of an error: one code for each branch of the tree in `errors.py`."""
    if isinstance(error, PhotoError):
        return ExitCode.PHOTO
    if isinstance(error, PackError):
        return ExitCode.PACK
    if isinstance(error, NetworkError):
        return ExitCode.NETWORK
    return ExitCode.SETUP
