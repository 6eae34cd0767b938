"""A first download beside curl and sha256sum for the same bytes: whole processes, in turn, wall and CPU time.

    python benchmarks/first_download.py [--references 4000] [--encoder-bytes 60000000] [--rounds 7] [--line-mb-s 12.5]

The pack is that of `transfer.py`, signed. One process of curl fetches all files over one connection, then one of
sha256sum reads them. The device's process pins nothing and tests nothing: its root was pinned before, and random bytes
are no encoder. Measured over loopback, and over a line of some megabytes a second (a server that sends no faster).
Prints two JSON lines.

boto3, which some development environments have, is hidden from the device's process: securesystemslib would import it,
which takes longer than the whole process.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from measuring import Command, compile_once, print_line, wall_and_cpu_ms
from transfer import Publisher, device, serving

from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from edge_identify.edge_runtime.sync.listing import blob_path

_SYNC = """
import sys
sys.modules["boto3"] = None
from pathlib import Path
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.sync_client import sync_pack
from edge_identify.edge_runtime.sync.trust.pack_offers import as_signed
store = PackStore(Path(sys.argv[2]))
sync_pack(
    store, sys.argv[1], name="colours", variant_names=lambda manifest: manifest.variant_names(),
    self_test=lambda *_: None, believe=as_signed(store.root, unsigned=False),
)
"""
_SLOW = """
import sys, time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
rate = float(sys.argv[2])
class Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def __init__(self, *rest):
        super().__init__(*rest, directory=sys.argv[1])
    def copyfile(self, source, target):
        started, sent = time.monotonic(), 0
        while data := source.read(1 << 16):
            target.write(data)
            sent += len(data)
            time.sleep(max(0, started + sent / rate - time.monotonic()))
    def log_message(self, *_):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--references", type=int, default=4000)
    parser.add_argument("--dim", type=int, default=512, help="dimensions of a vector")
    parser.add_argument("--encoder-bytes", type=int, default=60_000_000, help="length of the encoder")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--line-mb-s", type=float, default=12.5, help="rate of the slower line: 100 Mbit/s")
    options = parser.parse_args()
    if shutil.which("curl") is None or shutil.which("sha256sum") is None:
        sys.exit("curl and sha256sum are needed")
    with TemporaryDirectory() as name:
        work = Path(name)
        compile_once(work / "compiled")
        publisher = Publisher(work, options)
        publisher.publish("1.0.0", options.references)
        with serving(publisher.repo) as url:
            figures = compared(work / "loopback", url, publisher, options.rounds)
            print_line("first_download", line="loopback", **figures)
        with slow_line(publisher.repo, options.line_mb_s * 1e6) as url:
            figures = compared(work / "line", url, publisher, min(options.rounds, 3))
            print_line("first_download", line=f"{options.line_mb_s:g} MB/s", **figures)


def compared(work: Path, url: str, publisher: Publisher, rounds: int) -> dict[str, object]:
    """Return the medians of both, and of their ratios."""
    entries = {entry.sha256: entry for entry in read_manifest(publisher.work / "1.0.0").files.values()}
    rows = []
    for number in range(rounds + 1):
        folder = work / str(number)
        folder.mkdir(parents=True)
        store = device(folder / "store", url, publisher)
        theirs = wall_and_cpu_ms(curl_and_sha256(folder, url, list(entries)))
        ours = wall_and_cpu_ms(Command(words=[sys.executable, "-c", _SYNC, url, str(store.root)]))
        shutil.rmtree(folder)
        rows += [(*ours, *theirs)] if number else []  # the first round warms the page cache
    wall_ms, cpu_ms, curl_wall_ms, curl_cpu_ms = (median(column) for column in zip(*rows, strict=True))
    return {
        "megabytes": round(sum(entry.length_bytes for entry in entries.values()) / 1e6, 1),
        "wall_ms": round(wall_ms),
        "curl_wall_ms": round(curl_wall_ms),
        "wall_ratio": round(median(row[0] / row[2] for row in rows), 2),
        "cpu_ms": round(cpu_ms),
        "curl_cpu_ms": round(curl_cpu_ms),
        "cpu_ratio": round(median(row[1] / row[3] for row in rows), 2),
        "asked_for": "at most 1.3",
    }


def curl_and_sha256(folder: Path, url: str, hashes: list[str]) -> Command:
    """Return the command that fetches all files and hashes them."""
    fetch = " ".join(f"-o {folder / sha256} {url}/{blob_path(sha256)}" for sha256 in hashes)
    files = " ".join(str(folder / sha256) for sha256 in hashes)
    return Command(words=["sh", "-c", f"curl -sf {fetch} && sha256sum {files} > {folder / 'sums'}"])


@contextmanager
def slow_line(repo: Path, bytes_per_s: float) -> Iterator[str]:
    """Serve a repository no faster than a rate, for each connection."""
    words = [sys.executable, "-c", _SLOW, str(repo), str(bytes_per_s)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
