"""The exit codes of the three commands, and which error ends with which."""

from __future__ import annotations

from enum import IntEnum

from edge_identify.edge_runtime.errors import EdgeIdentifyError, NetworkError, PackError, PhotoError


class ExitCode(IntEnum):
    """What the commands tell a script."""

    DONE = 0
    SOME_SKIPPED = 1  # the run finished, but some inputs were left out; standard error lists them
    USAGE = 2  # argparse's own code for a wrong command line
    UNKNOWN = 3  # a single photo shows nothing in the pack, as far as can be told
    AMBIGUOUS = 4  # a single photo shows one of several look-alikes
    PHOTO = 5
    PACK = 6
    NETWORK = 7
    SETUP = 8
    FOUND_SERIOUS = 9  # `edge-build doctor` did its work, and found something that will go wrong
    BUG = 70  # sysexits.h calls it EX_SOFTWARE: a fault of this program, with a traceback to report
    INTERRUPTED = 130  # the shell's code for Ctrl-C
    TERMINATED = 143  # the shell's code for SIGTERM


#: What `edge-identify PHOTO` ends with when it has answered.
ANSWERED = frozenset({ExitCode.DONE, ExitCode.UNKNOWN, ExitCode.AMBIGUOUS})

#: For the help text of each command.
EXIT_CODES_HELP = (
    "exit codes: 0 done, 1 done but some inputs were skipped, 2 wrong usage, "
    "3 unknown and 4 ambiguous (one photo asked for by its name, of a calibrated pack; several end with 0 or 1), "
    "5 no picture could be used, "
    "6 a pack is missing or damaged, 7 the server or the network failed, 8 the set-up is wrong, "
    "9 edge-build doctor found something serious, "
    "70 a fault of this program, 130 interrupted, 143 terminated"
)


def exit_code_for(error: EdgeIdentifyError) -> ExitCode:
    """Return the exit code that tells whose fault an error is."""
    if isinstance(error, PhotoError):
        return ExitCode.PHOTO
    if isinstance(error, PackError):
        return ExitCode.PACK
    if isinstance(error, NetworkError):
        return ExitCode.NETWORK
    return ExitCode.SETUP
