"""Settings of the C library's allocator for a process with many threads that decode images.

glibc gives each thread an arena of its own, and keeps freed blocks of up to 32 MiB in it once such a block was freed.
So each thread kept the largest image that it had decoded. With fixed limits, large blocks go back to the system.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

# mallopt(3), glibc's malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_ARENAS = 2
# Pillow keeps images in blocks of up to 16 MiB. Blocks of a photo of 1 megapixel, and ONNX Runtime's, are smaller: if
# they went back, each answer would take 2,600 page faults, 10 ms of 50.
_FROM_BYTES = 4 << 20
_KEPT_FREE_BYTES = 32 << 20  # at the end of an arena; glibc's default of 128 KiB gives the same page faults


def return_large_blocks() -> None:
    """Have large freed blocks go back to the system. Call it before threads start. Does nothing without glibc."""
    if sys.platform != "linux":
        return
    with suppress(AttributeError, OSError):  # musl has no mallopt
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_ARENA_MAX, _ARENAS)
        mallopt(_MMAP_THRESHOLD, _FROM_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_FREE_BYTES)
