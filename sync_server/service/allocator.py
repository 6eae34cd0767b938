"""Settings of the C library's allocator for a process with many threads that decode images.

glibc gives each thread an arena of its own, and keeps freed blocks of up to 32 MiB in it once such a block was freed.
So each thread kept the largest image that it had decoded. With fixed limits, large blocks go back to the system.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

# mallopt(3), glibc's malloc.h
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
_ARENAS = 2
_FROM_BYTES = 1 << 20  # Pillow keeps images in blocks of 16 MiB, ONNX Runtime tensors in blocks of megabytes


def return_large_blocks() -> None:
    """Have large freed blocks go back to the system. Call it before threads start. Does nothing without glibc."""
    if sys.platform != "linux":
        return
    with suppress(AttributeError, OSError):  # musl has no mallopt
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_ARENA_MAX, _ARENAS)
        mallopt(_MMAP_THRESHOLD, _FROM_BYTES)
