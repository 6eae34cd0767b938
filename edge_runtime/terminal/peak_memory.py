"""The peak memory of a command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from edge_identify.edge_runtime.terminal.exit_codes import ANSWERED

_PEAK = (
    "import resource, subprocess, sys; ended = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL); "
    "str(ended.returncode) in sys.argv[1].split() or ended.check_returncode(); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def peak_memory_bytes(
    command: list[str], *, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> int | None:
    """Run a command and return its peak memory in bytes; None where the system does not report it.

    A small process starts the command: a child of this process would count this process's memory too.

    Args:
        command: The command line.
        folder: Its working folder; None for the current one.
        environment: Its whole environment; None for this process's.
    """
    if sys.platform == "win32":
        return None
    words = [sys.executable, "-c", _PEAK, " ".join(str(int(code)) for code in ANSWERED), *command]
    ended = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, cwd=folder, env=environment)
    return int(ended.stdout) * (1 if sys.platform == "darwin" else 1024)  # macOS counts bytes, Linux kibibytes
