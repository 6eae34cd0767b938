"""Libraries that die without room are not loaded where there is none."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edge_identify.edge_runtime.io.address_space import check_room, faiss_bytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's addresses here")

_LIMITED = """
import resource, sys
from edge_identify.edge_runtime.io.address_space import check_room
taken = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmSize")) * 1024
resource.setrlimit(resource.RLIMIT_AS, (taken + 200 * 2**20,) * 2)
check_room(100 * 2**20)
try:
    check_room(300 * 2**20)
except MemoryError as error:
    print(error)
"""


def test_a_limited_process_is_told_before_it_loads_what_does_not_fit() -> None:
    ended = subprocess.run([sys.executable, "-c", _LIMITED], capture_output=True, text=True, check=True)

    assert ended.stdout == "less than 300 MiB of addresses are left (ulimit -v)\n"


def test_faiss_fits_into_what_is_looked_for() -> None:
    script = """
def taken():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmPeak")) * 1024
import numpy
before = taken()
import faiss
print(taken() - before)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert int(ended.stdout) < faiss_bytes()


def test_a_process_without_a_limit_is_not_asked() -> None:
    check_room(2**62)
