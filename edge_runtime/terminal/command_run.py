"""Runs a command: one-line errors, exit codes, and a clean end after an interruption or on a full disk.

Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import errno
import io
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from edge_identify.edge_runtime.errors import EdgeIdentifyError, SetupError
from edge_identify.edge_runtime.io.printable_text import printable
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode, exit_code_for
from edge_identify.edge_runtime.terminal.standard_streams import open_closed_streams, silence_output

_OUTPUT = "standard output"


_MAKE_ROOM = "make room where it is written"


#: What loaders of libraries say, and ONNX Runtime's while it is loaded.
_LIBRARY_LACKS_MEMORY = ("map segment", "allocate memory", "bad_alloc")

#: Errors of the operating system that are no bug of this program, and the advice for each.
_DISK_ADVICE = {
    errno.ENOSPC: _MAKE_ROOM,
    errno.EDQUOT: _MAKE_ROOM,
    errno.EFBIG: _MAKE_ROOM,
    errno.EROFS: "choose a place that can be written",
    errno.EIO: "check the disk",  # raised while reading, too
    errno.ENAMETOOLONG: "give a shorter path",
}


def run_command(command: Callable[[], ExitCode]) -> int:
    """Run a command, and turn its errors into one line on standard error and an exit code.

    Args:
        command: Does the work and returns the exit code.

    Returns:
        The process's exit code.
    """
    open_closed_streams()
    _let_any_text_through()
    arrived: list[int] = []
    try:
        _check_clock()
        with _termination_raised(arrived):
            code = command()
        _flush_output()  # here, so that a closed pipe or a full disk is handled below
    except EdgeIdentifyError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return exit_code_for(error)
    except KeyboardInterrupt:
        if arrived:
            print("terminated", file=sys.stderr)
            return ExitCode.TERMINATED
        print("interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        silence_output()  # the reader closed the pipe: `edge-identify ... | head`
        return ExitCode.DONE
    except OSError as error:
        if error.errno not in _DISK_ADVICE:
            return _report_fault(error)
        where = error.filename2 or error.filename or f"{_OUTPUT} or a temporary file"
        if str(where).startswith(_OUTPUT):
            silence_output()
        reason = f"{printable(str(where))}: {error.strerror}; {_DISK_ADVICE[error.errno]}, and run again"
        print(f"error: {reason}", file=sys.stderr)
        return ExitCode.SETUP
    except Exception as error:
        return _report_fault(error)
    return code


def _check_clock() -> None:
    """Check that Python can tell the time; libraries that are imported later cannot start without.

    Raises:
        SetupError: The clock is after the year 2262: nanoseconds since 1970 have 63 bits.
    """
    try:
        time.time()
    except OverflowError as error:
        raise SetupError("the clock of this system is after the year 2262; set it, and run again") from error


def _report_fault(error: Exception) -> ExitCode:
    if _is_lack_of_memory(error):
        print(
            "error: out of memory; close other programs, give fewer or smaller inputs at a time, or use a smaller pack",
            file=sys.stderr,
        )
        return ExitCode.OUT_OF_MEMORY
    # Python's own exit code for a traceback is 1, which here means that some inputs were skipped.
    traceback.print_exc()
    print("this is a bug in edge-identify; please report it with the lines above", file=sys.stderr)
    return ExitCode.BUG


def _is_lack_of_memory(error: Exception) -> bool:
    """Return whether the system gave no more memory: to Python, to a thread's stack, or to a library being loaded."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    text = str(error)
    is_thread = isinstance(error, RuntimeError) and "can't start new thread" in text
    is_library = isinstance(error, ImportError) and any(words in text for words in _LIBRARY_LACKS_MEMORY)
    return isinstance(error, MemoryError) or is_thread or is_library


@contextmanager
def _termination_raised(arrived: list[int]) -> Iterator[None]:
    """Raise SIGTERM as `KeyboardInterrupt` in the block: the clean-up for Ctrl-C works for it too.

    Args:
        arrived: Gets the signal's number. An extension module may turn the exception into another `KeyboardInterrupt`.
    """
    if threading.current_thread() is not threading.main_thread():  # Python handles signals only there
        yield
        return

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        arrived.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _flush_output() -> None:
    """Flush standard output; an error names it, as an error of a file names the file."""
    try:
        sys.stdout.flush()
    except OSError as error:
        raise OSError(error.errno, error.strerror, _OUTPUT) from error


def _let_any_text_through() -> None:
    """Write characters that the terminal's encoding lacks as escapes; by default they end the run with an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
