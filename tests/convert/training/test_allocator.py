"""Freed memory stays with the process: a block that is asked for again takes no new pages."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PAGES_OF_A_SECOND_BLOCK = """
import ctypes, resource, sys
from edge_identify.convert.training.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
c = ctypes.CDLL(None)
c.malloc.restype = ctypes.c_void_p
c.malloc.argtypes, c.free.argtypes, c.memset.argtypes = (
    [ctypes.c_size_t], [ctypes.c_void_p], [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
)
def use():
    block = c.malloc(64 << 20)
    c.memset(block, 1, 64 << 20)
    c.free(block)
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_a_block_that_is_asked_for_again_takes_no_new_pages() -> None:
    given_back, kept = (_pages(how) for how in ("default", "keep"))
    assert kept < given_back / 10


def _pages(how: str) -> int:
    found = subprocess.run(
        [sys.executable, "-c", _PAGES_OF_A_SECOND_BLOCK, how], check=True, capture_output=True, text=True
    )
    return int(found.stdout)
