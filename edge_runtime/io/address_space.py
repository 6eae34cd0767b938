"""Room in the address space of this process, looked for before a library is loaded that dies without it.

OpenMP and OpenBLAS, which FAISS brings along, end the process with SIGSEGV where `ulimit -v` leaves too little.
"""

from __future__ import annotations

import mmap
import os
import sys

_FAISS_BYTES = 240 * 2**20  # measured: loading it takes 201 MiB of addresses with one core, and little memory
_BYTES_PER_CORE = 136 * 2**20  # measured: 128 MiB for each further thread of OpenBLAS
_MOST_THREADS = 64  # which OpenBLAS was built for


def check_room_for_faiss() -> None:
    """Check that FAISS can be loaded, as `check_room` does; call it before each `import faiss`."""
    if "faiss" not in sys.modules:
        check_room(faiss_bytes())


def faiss_bytes() -> int:
    """Return how much of the address space loading FAISS takes, at most."""
    further = min(os.cpu_count() or 1, _MOST_THREADS) - 1
    return _FAISS_BYTES + further * _BYTES_PER_CORE


def check_room(length_bytes: int) -> None:
    """Check that a limited address space has room for more. Without a limit, and not on Linux, it does nothing.

    Args:
        length_bytes: How much will be asked for.

    Raises:
        MemoryError: There is less.
    """
    if sys.platform != "linux":
        return
    import resource

    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        return
    try:
        mmap.mmap(-1, length_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ).close()
    except (OSError, ValueError) as error:
        raise MemoryError(f"less than {length_bytes // 2**20} MiB of addresses are left (ulimit -v)") from error
