"""The service under load: many clients at once, clients that stall, and memory after thousands of requests.

    python benchmarks/service_load.py --pack PACK [--clients 64] [--requests 1000] [--stalled 64] [--kept 2000 20000]

Prints one JSON line for each part:

- `clients`: answers by status, requests a second beside the engine's own rate in batches in this process, and the
  latency of `/health` meanwhile;
- `stalled`: the latency of `/health` beside readers that do not read and writers that send a byte now and then;
- `memory`: the server's memory after some requests of mixed sizes, and after many more.

The clients take part of the same cores.
"""

from __future__ import annotations

import argparse
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import urllib3
from measuring import print_line
from served_pack import Served, served

from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.photos.photo_inputs import OpenedPhoto
from edge_identify.edge_runtime.photos.prepared_photos import prepare_photo
from edge_identify.edge_runtime.photos.synthetic_photo import drawn_photo
from edge_identify.edge_runtime.search.identifier import Identifier
from edge_identify.edge_runtime.search.photo_batches import answers_in_batches, make_ready, ready_photos

_PHOTO_PX = (1152, 864)
_MIXED_PX = ((4032, 3024), (640, 480), (1152, 864), (320, 240))
_PAUSE_S = 0.05  # between two requests for `/health`
_SETTLING_S = 2
_STALLED_S = 4  # longer than the server needs to fill the buffers of readers
_RECEIVED_BYTES = 4096  # a reader's buffer, so that little of a response fits in it


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--stalled", type=int, default=64)
    parser.add_argument("--kept", type=int, nargs=2, default=(2000, 20_000), help="requests of mixed sizes")
    options = parser.parse_args()
    photo = drawn_photo(size_px=_PHOTO_PX)
    own_rate = _engine_rate(options.pack, photo, options.requests)
    with served(options.pack) as server:
        figures = _clients(server, photo, options.clients, options.requests)
        rate: Any = figures.pop("rate")
        ratio = round(rate / own_rate, 3)
        print_line(
            "service_load",
            part="clients",
            **figures,
            of_the_engine_s_rate=ratio,
            asked_for="at least 0.85, health p99 100 ms",
        )
        print_line("service_load", part="stalled", **_stalled(server, options.stalled), asked_for="at most 50 ms")
        print_line("service_load", part="memory", **_memory(server, options.kept), asked_for="at most 0.10 more")


def _engine_rate(pack: Path, photo: bytes, count: int) -> float:
    """Return how many photos a second the engine identifies in batches, decoded ahead by threads."""
    with Identifier(open_pack(pack), many=True) as identifier:

        def prepare(opened: object) -> object:
            return prepare_photo(opened, identifier.recipe)  # type: ignore[arg-type]

        def answered(number: int) -> float:
            photos = [OpenedPhoto(name="photo", content=photo)] * number
            started = time.perf_counter()
            ready = ready_photos(photos, lambda one: make_ready(one, prepare=prepare, with_thumbnail=False))
            for _ in answers_in_batches(ready, identifier.identify_batch):  # type: ignore[arg-type]
                pass
            return number / (time.perf_counter() - started)

        answered(min(count, 32))  # warms up
        return answered(count)


def _clients(server: Served, photo: bytes, clients: int, count: int) -> dict[str, float | dict[str, int]]:
    """Send photos from many clients at once, and return rate, statuses, and latencies."""
    fields = {"file": ("photo.jpg", photo, "image/jpeg")}
    body, content_type = urllib3.encode_multipart_formdata(fields)
    pool = urllib3.PoolManager(maxsize=clients, retries=False, timeout=120)

    def ask(_: int) -> tuple[int, float]:
        started = time.perf_counter()
        found = pool.request("POST", f"{server.url}/v1/identify", body=body, headers={"Content-Type": content_type})
        return found.status, time.perf_counter() - started

    list(map(ask, range(8)))  # warms up
    with _health_ms(server) as health_ms, ThreadPoolExecutor(clients) as threads:
        started = time.perf_counter()
        answers = list(threads.map(ask, range(count)))
        seconds = time.perf_counter() - started
    statuses = Counter(str(status) for status, _ in answers)
    taken_ms = [1000 * taken for status, taken in answers if status == 200]
    return {
        "rate": statuses["200"] / seconds,
        "answers_per_s": round(statuses["200"] / seconds, 1),
        "statuses": dict(statuses),
        "identify_ms": round(median(taken_ms), 1),
        **_latencies(health_ms),
    }


def _stalled(server: Served, count: int) -> dict[str, float]:
    """Return the latencies of `/health` beside stalled readers and slow writers."""
    host, port = urlsplit(server.url).hostname, urlsplit(server.url).port
    largest = _largest_file(server)
    reader = f"GET {largest} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    writer = b"POST /v1/identify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n"
    with ExitStack() as stack:
        sockets = []
        for start in [reader, writer] * count:
            one = stack.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED_BYTES)
            one.connect((host, port))
            one.sendall(start)
            sockets.append(one)
        with _health_ms(server) as health_ms:
            end = time.monotonic() + _STALLED_S
            while time.monotonic() < end:
                for one in sockets[1::2]:
                    one.sendall(b"a")
                time.sleep(1)
    return {"readers": count, "writers": count, **_latencies(health_ms)}


def _largest_file(server: Served) -> str:
    """Return the path of the largest published file."""
    listing = urllib3.request("GET", f"{server.url}/packs.json").json()
    manifest = urllib3.request("GET", f"{server.url}/{listing['packs'][0]['versions'][0]['manifest']['path']}").json()
    sha256 = max(manifest["files"].values(), key=lambda entry: entry["length_bytes"])["sha256"]
    return f"/blobs/sha256/{sha256[:2]}/{sha256}"


def _memory(server: Served, counts: Sequence[int]) -> dict[str, object]:
    """Return the server's memory after each number of requests of mixed sizes."""
    photos = [drawn_photo(size_px=size_px) for size_px in _MIXED_PX]
    pool = urllib3.PoolManager(maxsize=4, retries=False, timeout=120)
    statuses: Counter[str] = Counter()

    def ask(number: int) -> None:
        route = "embed/image" if number % 7 == 0 else "identify"
        fields = {"file": ("photo.jpg", photos[number % len(photos)], "image/jpeg")}
        statuses[str(pool.request("POST", f"{server.url}/v1/{route}", fields=fields).status)] += 1

    resident: dict[str, float] = {}
    with ThreadPoolExecutor(4) as threads:
        done = 0
        for count in counts:
            list(threads.map(ask, range(done, count)))
            done = count
            time.sleep(_SETTLING_S)
            resident[str(count)] = round(server.resident_mib(), 1)
    first, *_, last = resident.values()
    return {"resident_mib": resident, "growth": round(last / first - 1, 3), "statuses": dict(statuses)}


@contextmanager
def _health_ms(server: Served) -> Iterator[list[float]]:
    """Ask `/health` now and then while the block runs, and yield the list of the milliseconds that it takes."""
    taken_ms: list[float] = []
    ended = Event()

    def ask() -> None:
        pool = urllib3.PoolManager(retries=False, timeout=60)
        while not ended.is_set():
            started = time.perf_counter()
            assert pool.request("GET", f"{server.url}/health").status == 200
            taken_ms.append(1000 * (time.perf_counter() - started))
            ended.wait(_PAUSE_S)

    thread = Thread(target=ask)
    thread.start()
    try:
        yield taken_ms
    finally:
        ended.set()
        thread.join()


def _latencies(taken_ms: Sequence[float]) -> dict[str, float]:
    p99 = quantiles(taken_ms, n=100)[-1] if len(taken_ms) > 1 else taken_ms[0]
    return {"health_ms": round(median(taken_ms), 1), "health_p99_ms": round(min(p99, max(taken_ms)), 1)}


if __name__ == "__main__":
    main()
