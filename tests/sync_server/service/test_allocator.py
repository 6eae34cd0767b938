"""Memory of threads that held large blocks goes back to the system, and smaller blocks are used again."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import sys
from threading import Barrier, Thread
from edge_identify.sync_server.service.allocator import return_large_blocks

if sys.argv[1] == "set":
    return_large_blocks()
THREADS, BLOCK = 8, 12 << 20
together = Barrier(THREADS)

def work():
    for _ in range(3):
        block = bytearray(BLOCK)
        block[::4096] = b"x" * len(block[::4096])
        small = [bytearray(5000) for _ in range(50)]  # lies above the block, where it came from an arena
        together.wait()
        del block
        kept.append(small)

kept = []
threads = [Thread(target=work) for _ in range(THREADS)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(int(open("/proc/self/statm").read().split()[1]) * 4 // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_threads_keep_no_large_blocks() -> None:
    kept_mib = {
        how: int(subprocess.run([sys.executable, "-c", _PROGRAM, how], capture_output=True, check=True).stdout)
        for how in ("set", "as it is")
    }
    assert kept_mib["set"] + 30 < kept_mib["as it is"]


_AGAIN = """
import resource
from edge_identify.sync_server.service.allocator import return_large_blocks

return_large_blocks()

def work():
    for block in [bytearray(3 << 20) for _ in range(4)]:
        block[::4096] = b"x" * len(block[::4096])

work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_blocks_of_a_small_photo_are_used_again_without_page_faults() -> None:
    faults = int(subprocess.run([sys.executable, "-c", _AGAIN], capture_output=True, check=True).stdout)

    assert faults < 20 * 4 * (3 << 20) // 4096 / 10
