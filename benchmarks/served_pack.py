"""`edge-serve run` in a process of its own, serving one pack, for the benchmarks of the service."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import urllib3

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.sync_server.publishing.publish import publish

_COMMAND = "import sys; from edge_identify.sync_server.cli.main import main; sys.exit(main())"
_READY_WITHIN_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server at work.

    Attributes:
        url: Without a slash at its end.
        process_id: Of the server.
        log: Lines that it wrote, as they come.
    """

    url: str
    process_id: int
    log: list[str]

    def resident_mib(self) -> float:
        """Return the memory that the server holds now; Linux only."""
        status = Path(f"/proc/{self.process_id}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]  # the kernel writes it

    def cpu_ms(self) -> float:
        """Return the CPU time that the server has taken, all threads together; Linux only.

        Read from the process's CPU clock, which counts nanoseconds; `/proc/PID/stat` counts hundredths of a second.
        """
        clock = (~self.process_id << 3) | 2  # as clock_getcpuclockid(3) makes it on Linux
        return 1000 * time.clock_gettime(clock)


@contextmanager
def served(pack: Path, *options: str) -> Iterator[Served]:
    """Publish a pack into a folder of its own and serve it while the block runs.

    Args:
        pack: Its folder.
        options: More options of `edge-serve run`.
    """
    with TemporaryDirectory() as name:
        publish(pack, Path(name) / "repo", now_utc=datetime.now(UTC))
        words = [sys.executable, "-c", _COMMAND, "run", "--repo", f"{name}/repo", "--port", "0", *options]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                line = process.stderr.readline()
                found = re.search(r" at (http://\S+)/", line)
                if found is None:
                    raise SetupError(f"the server did not start: {line}")
                log: list[str] = []
                Thread(target=log.extend, args=(process.stderr,), daemon=True).start()  # a full pipe would stop it
                _wait_until_ready(found[1])
                yield Served(url=found[1], process_id=process.pid, log=log)
            finally:
                process.terminate()


def _wait_until_ready(url: str) -> None:
    end = time.monotonic() + _READY_WITHIN_S
    while urllib3.request("GET", f"{url}/readyz", retries=False).status != 200:
        if time.monotonic() > end:
            raise SetupError(f"{url}: is not ready after {_READY_WITHIN_S} s")
        time.sleep(0.1)
