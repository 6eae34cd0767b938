"""Ends the process soon after Ctrl-C or SIGTERM, whatever native code does.

Python raises `KeyboardInterrupt` in the main thread, between two lines of Python. While native code runs there, or in
a thread that the interpreter waits for at its end, that may take minutes. So a thread waits for the signal's number,
which Python writes to a pipe at once. It ends the process after a time for the clean-up. The next run removes the rest.

An output whose end must not be missing is written in `whole_output`: the process ends before it or after it.

Trap: the thread needs Python's lock (the GIL), as all Python does. Pillow, ONNX Runtime, FAISS and SQLite release it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import BinaryIO

from edge_identify.edge_runtime.terminal.standard_streams import open_closed_streams

CLEAN_UP_S = 1.5  # partial files are removed in milliseconds; a person waits two seconds
_PIECE_BYTES = 2**18  # a pipe takes 64 KiB at once
_ENDS = (signal.SIGINT, signal.SIGTERM)
_BEYOND_SIGNALS = 128  # a shell's exit code of a process that a signal ended is this and the signal's number


def end_soon_after_a_signal(clean_up_s: float = CLEAN_UP_S) -> None:
    """Watch this process from now on. For the main function of a process of its own, once.

    Signals that are ignored, or that end the process by themselves, stay as they are.

    Args:
        clean_up_s: Seconds from the signal to the end.
    """
    open_closed_streams()  # or the pipe would take the number of a closed one
    reader, writer = os.pipe()
    if sys.platform != "win32":  # Windows has no such pipes, and needs none here
        os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader, clean_up_s), name="timely end", daemon=True).start()


def _watch(reader: int, clean_up_s: float) -> None:
    while (number := os.read(reader, 1)) and number[0] not in _ENDS:
        pass
    if number:
        time.sleep(clean_up_s)
        while not _progress.ended(_BEYOND_SIGNALS + number[0]):
            time.sleep(clean_up_s)


class _OutputProgress:
    """How far an output is that must be whole."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pieces = self._seen = 0

    def advance(self) -> None:
        """Note that a piece will be written now, or was written."""
        with self._lock:
            self._pieces += 1

    def ended(self, code: int) -> bool:
        """End the process, unless pieces were written since the last call."""
        with self._lock:  # no output begins meanwhile
            if self._pieces == self._seen:
                os._exit(code)
            self._seen = self._pieces
        return False


_progress = _OutputProgress()


class PiecewiseOutput:
    """Writes bytes in pieces, and notes each one. Use it within `whole_output`."""

    def __init__(self, stream: BinaryIO) -> None:
        """Write to a stream, which may be unbuffered (`PYTHONUNBUFFERED`)."""
        self._stream = stream

    def write(self, data: bytes) -> int:
        """Write all bytes, and return their number."""
        _progress.advance()
        rest = memoryview(data)
        while rest:
            # An unbuffered stream writes a part when a signal arrives.
            rest = rest[self._stream.write(rest[:_PIECE_BYTES]) :]
            self._stream.flush()
            _progress.advance()
        return len(data)


def print_whole(text: str) -> None:
    """Write a text to standard output as `PiecewiseOutput` does. Use it within `whole_output`."""
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:  # a program put something else in its place
        sys.stdout.write(text)
        return
    sys.stdout.flush()
    PiecewiseOutput(buffer).write(text.encode(sys.stdout.encoding, sys.stdout.errors or "strict"))


@contextmanager
def whole_output() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back while the block writes, so that its output is whole or absent.

    A second signal interrupts the block. So does the first one, if no piece is written for `CLEAN_UP_S`: nothing was
    written yet, or its reader takes nothing.
    """
    if threading.current_thread() is not threading.main_thread():  # Python handles signals only there
        yield
        return
    arrived: list[int] = []
    before = {number: signal.getsignal(number) for number in _ENDS}
    held = {number: handler for number, handler in before.items() if callable(handler)}

    def hold(number: int, frame: FrameType | None) -> None:
        arrived.append(number)
        if len(arrived) > 1:
            held[signal.Signals(number)](number, frame)

    for number in held:
        signal.signal(number, hold)
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
    if len(arrived) == 1:
        signal.raise_signal(arrived[0])
