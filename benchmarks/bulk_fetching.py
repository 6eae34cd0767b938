"""Fetching 3,900 pictures from a server on loopback, clean and with 5 % of its answers failing.

    python benchmarks/bulk_fetching.py [--count 3900] [--failing 0.05] [--rounds 3]

Prints one JSON line: wall seconds of a run into an empty folder against each server (interleaved, medians), their ratio
and its limit, how many pictures were there in the end, and the seconds and answers of a second run, which asks only
whether something changed. The server is a process of its own. What fails is drawn anew for each answer: 503, a
connection that is dropped, and a body that breaks off, in equal parts.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import random
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import PIL.Image
from measuring import print_line, wall_ms_interleaved

from edge_identify.datasets.sources.fetching.bulk_fetching import FetchPolicy, fetch_all
from edge_identify.datasets.sources.fetching.image_cache import ImageCache

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_RATIO = 1.3
_PICTURE_SIDE_PX = 128


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=3900)
    parser.add_argument("--failing", type=float, default=0.05, metavar="SHARE")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)  # the server's own process
    options = parser.parse_args()
    if options.serve:
        _serve(options.failing)
        return
    with _server(0.0) as clean, _server(options.failing) as failing, tempfile.TemporaryDirectory() as folder:
        runs = _Runs(Path(folder), options.count)
        wall_ms = wall_ms_interleaved(
            {"clean": lambda: runs.fetch(clean), "failing": lambda: runs.fetch(failing)}, options.rounds
        )
        again_s = runs.fetch_again(clean)
    print_line(
        "bulk_fetching",
        count=options.count,
        failing_share=options.failing,
        picture_bytes=len(_picture()),
        clean_s=round(wall_ms["clean"] / 1000, 2),
        failing_s=round(wall_ms["failing"] / 1000, 2),
        ratio=round(wall_ms["failing"] / wall_ms["clean"], 3),
        most_ratio=_MOST_RATIO,
        least_there=runs.least_there,
        unchanged_s=round(again_s, 2),
    )


class _Runs:
    """Runs, each into a folder of its own, and the fewest pictures that any of them brought."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._count = count
        self._made = 0
        self._last: dict[str, Path] = {}
        self.least_there = count

    def fetch(self, server: str) -> None:
        self._made += 1
        self._last[server] = self._folder / str(self._made)
        self._run(server, FetchPolicy(allow_private=True))

    def fetch_again(self, server: str) -> float:
        started = perf_counter()
        self._run(server, FetchPolicy(allow_private=True, fresh_s=0))
        return perf_counter() - started

    def _run(self, server: str, policy: FetchPolicy) -> None:
        addresses = [f"{server}/{at}.png" for at in range(self._count)]
        outcomes = fetch_all(addresses, ImageCache(self._last[server]), policy)
        there = sum(outcome.problem is None for outcome in outcomes)
        self.least_there = min(self.least_there, there)


@contextmanager
def _server(failing: float) -> Iterator[str]:
    command = [sys.executable, __file__, "--serve", "--failing", str(failing)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _serve(failing: float) -> None:
    picture, draws = _picture(), random.Random(1)
    etag = f'"{hashlib.sha256(picture).hexdigest()[:16]}"'

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            fault = draws.random() / failing if failing else 1.0
            if fault < 1 / 3:
                self._answer(503, b"")
            elif fault < 2 / 3:
                self.close_connection = True
            elif fault < 1:
                self.close_connection = True
                self._answer(200, picture, sent=len(picture) // 2)
            elif self.headers.get("If-None-Match") == etag:
                self.send_response(304)
                self.end_headers()
            else:
                self._answer(200, picture)

        def _answer(self, status: int, body: bytes, sent: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "image/png")
            self.send_header("ETag", etag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:sent])

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


def _picture() -> bytes:
    noise = random.Random(2).randbytes(_PICTURE_SIDE_PX * _PICTURE_SIDE_PX * 3)
    file = io.BytesIO()
    PIL.Image.frombytes("RGB", (_PICTURE_SIDE_PX, _PICTURE_SIDE_PX), noise).save(file, "JPEG", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    main()
