"""What sending packs costs the service: CPU for each GB beside a bare waitress, and `/health` beside stalled readers.

    python benchmarks/serving_packs.py [--megabytes 50] [--clients 32] [--rounds 5] [--stalled 64]

The bare server is waitress with its defaults and an application that only returns the open file
(`wsgi.file_wrapper`). Clients fetch the file once each, all at once; they run in this process, the servers in theirs.
The rounds alternate. Linux only. Prints two JSON lines.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from threading import Barrier
from urllib.parse import urlsplit

import numpy as np
import urllib3
from measuring import print_line
from served_pack import Served, served

from edge_identify.edge_runtime.io.durable_writes import sha256_of_file

GOLDEN = Path(__file__).parents[1] / "tests/golden/format-1-with-signs"
_BARE = """
import logging, os, sys
from waitress import create_server
logging.getLogger("waitress.queue").setLevel(logging.ERROR)
def application(environment, start):
    size = os.path.getsize(sys.argv[1])
    start("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(size))])
    return environment["wsgi.file_wrapper"](open(sys.argv[1], "rb"))
server = create_server(application, host="127.0.0.1", port=0, threads=8)
print(server.effective_port, flush=True)
server.run()
"""
_BUFFER_BYTES = 1 << 18
_STALLED_BUFFER_BYTES = 4096
_HEALTH_REQUESTS = 100


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stalled", type=int, default=64)
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        pack, path = drawn_pack(Path(name) / "pack", int(options.megabytes * 10**6))
        with served(pack, "--deliver-only") as server, bare_server(pack / path) as bare:
            print_line("serving_packs", part="cpu", **cpu_for_each_gb(server, bare, pack / path, options))
            print_line("serving_packs", part="stalled", **beside_stalled(server, pack / path, options))


def drawn_pack(folder: Path, length_bytes: int) -> tuple[Path, str]:
    """Write the golden pack with random bytes in place of its encoder; return it, and the path of that file."""
    shutil.copytree(GOLDEN, folder)
    values = json.loads((folder / "pack.json").read_bytes())
    path = next(iter(values["encoders"]["image"].values()))["model"]
    (folder / path).write_bytes(np.random.default_rng(1).bytes(length_bytes))
    values["files"][path] = {"length_bytes": length_bytes, "sha256": sha256_of_file(folder / path)}
    (folder / "pack.json").write_text(json.dumps(values, sort_keys=True))
    return folder, str(path)


@contextmanager
def bare_server(file: Path) -> Iterator[Served]:
    """Serve one file with waitress alone while the block runs."""
    words = [sys.executable, "-c", _BARE, str(file)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Served(url=f"http://127.0.0.1:{int(process.stdout.readline())}", process_id=process.pid, log=[])
        finally:
            process.terminate()


def cpu_for_each_gb(server: Served, bare: Served, file: Path, options: argparse.Namespace) -> dict[str, object]:
    """Return the CPU seconds for each GB of both servers, and their ratio."""
    sha256 = sha256_of_file(file)
    paths = {server.url: f"/blobs/sha256/{sha256[:2]}/{sha256}", bare.url: "/"}
    taken: dict[str, list[float]] = {server.url: [], bare.url: []}
    length_bytes = file.stat().st_size
    for number in range(options.rounds + 1):
        for one in (server, bare):
            before_ms = one.cpu_ms()
            fetch_at_once(one.url, paths[one.url], options.clients, length_bytes)
            if number:  # the first round warms the page cache
                taken[one.url].append((one.cpu_ms() - before_ms) / 1000 / (options.clients * length_bytes / 1e9))
    ratios = [ours / theirs for ours, theirs in zip(taken[server.url], taken[bare.url], strict=True)]
    return {
        "megabytes": length_bytes / 1e6,
        "clients": options.clients,
        "cpu_s_per_gb": round(median(taken[server.url]), 3),
        "bare_waitress_cpu_s_per_gb": round(median(taken[bare.url]), 3),
        "ratio": round(median(ratios), 2),
        "asked_for": "at most 1.3",
    }


def fetch_at_once(url: str, path: str, clients: int, length_bytes: int) -> None:
    """Fetch a file with many clients that begin together."""
    begin = Barrier(clients)

    def fetch(_: int) -> int:
        with asking(url, path) as one:
            begin.wait()
            buffer, arrived = bytearray(_BUFFER_BYTES), 0
            while count := one.recv_into(buffer):
                arrived += count
            return arrived

    with ThreadPoolExecutor(clients) as threads:
        arrived = list(threads.map(fetch, range(clients)))
    assert all(length_bytes < one < length_bytes + 2000 for one in arrived), arrived


@contextmanager
def asking(url: str, path: str, *, buffer_bytes: int | None = None) -> Iterator[socket.socket]:
    """Connect and ask for a file; the connection ends after the response."""
    parts = urlsplit(url)
    with socket.socket() as one:
        if buffer_bytes is not None:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        one.connect((parts.hostname, parts.port))
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        yield one


def beside_stalled(server: Served, file: Path, options: argparse.Namespace) -> dict[str, object]:
    """Return the latencies of `/health` without and with clients that ask for a file and do not read it, in turn."""
    sha256 = sha256_of_file(file)
    path = f"/blobs/sha256/{sha256[:2]}/{sha256}"
    alone_ms, beside_ms = [], []
    for _ in range(options.rounds):
        alone_ms.append(health_ms(server.url))
        with ExitStack() as stack:
            for _ in range(options.stalled):
                stack.enter_context(asking(server.url, path, buffer_bytes=_STALLED_BUFFER_BYTES))
            beside_ms.append(health_ms(server.url))
    delays_ms = [p99(beside) - p99(alone) for beside, alone in zip(beside_ms, alone_ms, strict=True)]
    return {
        "stalled_readers": options.stalled,
        "health_ms": round(median(map(median, beside_ms)), 1),
        "health_p99_ms": round(median(map(p99, beside_ms)), 1),
        "health_p99_alone_ms": round(median(map(p99, alone_ms)), 1),
        "delay_of_p99_ms": round(median(delays_ms), 1),
        "asked_for": "a delay of at most 50 ms",
    }


def p99(values: Sequence[float]) -> float:
    """Return the 99th percentile."""
    return quantiles(values, n=100, method="inclusive")[-1]


def health_ms(url: str) -> list[float]:
    """Ask for `/health` many times and return the milliseconds."""
    pool, taken_ms = urllib3.PoolManager(retries=False, timeout=60), []
    for _ in range(_HEALTH_REQUESTS):
        started = time.perf_counter()
        assert pool.request("GET", f"{url}/health").status == 200
        taken_ms.append(1000 * (time.perf_counter() - started))
    return taken_ms


if __name__ == "__main__":
    main()
