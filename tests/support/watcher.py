"""End the process group of a test process after that process: `python watcher.py PROCESS_ID`, as its child."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

_LOOKS_EVERY_S = 0.25
_MAY_CLEAN_UP_FOR_S = 10  # a server that is asked to end removes its temporary folder


def main() -> None:
    """Wait for the end of the process, then terminate and finally kill its group."""
    watched = int(sys.argv[1])
    while os.getppid() == watched:
        time.sleep(_LOOKS_EVERY_S)
    with suppress(ProcessLookupError):  # nobody is left
        os.killpg(watched, signal.SIGTERM)
        end = time.monotonic() + _MAY_CLEAN_UP_FOR_S
        while time.monotonic() < end:
            os.killpg(watched, 0)
            time.sleep(_LOOKS_EVERY_S)
        os.killpg(watched, signal.SIGKILL)


if __name__ == "__main__":
    main()
