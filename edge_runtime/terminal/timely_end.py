"""Ends the process soon after Ctrl-C or SIGTERM, whatever native code does.

Python raises `KeyboardInterrupt` in the main thread, between two lines of Python. While native code runs there, or in
a thread that the interpreter waits for at its end, that may take minutes. So a thread waits for the signal's number,
which Python writes to a pipe at once. It ends the process after a time for the clean-up. The next run removes the rest.

Trap: the thread needs Python's lock (the GIL), as all Python does. Pillow, ONNX Runtime, FAISS and SQLite release it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from edge_identify.edge_runtime.terminal.standard_streams import open_closed_streams

CLEAN_UP_S = 1.5  # partial files are removed in milliseconds; a person waits two seconds
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
    while (number := os.read(reader, 1)) and number[0] not in (signal.SIGINT, signal.SIGTERM):
        pass
    if number:
        time.sleep(clean_up_s)
        os._exit(_BEYOND_SIGNALS + number[0])
