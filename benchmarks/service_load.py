"""The service under load: many clients at once, clients that stall, and memory after thousands of requests.

    python benchmarks/service_load.py --pack PACK [--clients 64] [--requests 300] [--compared 60] [--rounds 3]
        [--stalled 64] [--kept 2000 20000] [--only clients compared stalled memory]

Prints one JSON line for each part:

- `clients`: answers by status, answers a second beside the engine's own rate in batches in this process, CPU time of an
  answer beside the engine's own, and the latency of `/health` meanwhile; without comparing points;
- `compared`: the same with the default, which compares the points of a photo that similarity does not identify;
- `stalled`: the latency of `/health` beside readers that do not read and writers that send a byte now and then;
- `memory`: the server's memory after some requests of mixed sizes, and after many more.

Engine and service take turns, and each round gives one ratio. The clients take part of the same cores. `idle_p99_ms` is
the latency of `/health` of the idle server: what the machine's other work adds to it.
"""

from __future__ import annotations

import argparse
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread
from urllib.parse import urlsplit

import urllib3
from measuring import print_line
from served_pack import Served, served

from edge_identify.edge_runtime.answers.identification import Identification
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.photos.photo_inputs import OpenedPhoto
from edge_identify.edge_runtime.photos.prepared_photos import prepare_photo
from edge_identify.edge_runtime.photos.synthetic_photo import drawn_photo
from edge_identify.edge_runtime.search.geometry.cascade import GeometryCascade, GeometryMode
from edge_identify.edge_runtime.search.identifier import Identifier
from edge_identify.edge_runtime.search.photo_batches import answers_in_batches, make_ready, ready_photos

_PHOTO_PX = (1152, 864)
_MIXED_PX = ((4032, 3024), (640, 480), (1152, 864), (320, 240))
_COMPARED_EACH = 20  # of the requests of mixed sizes, one of so many compares points
_TOP_K = 5
_PARTS = ("clients", "compared", "stalled", "memory")
_PAUSE_S = 0.05  # between two requests for `/health`
_SETTLING_S = 2
_STALLED_S = 4  # longer than the server needs to fill the buffers of readers
_RECEIVED_BYTES = 4096  # a reader's buffer, so that little of a response fits in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What answering some photos took.

    Attributes:
        answers: Photos that were answered.
        wall_s: Seconds until the last one.
        cpu_ms: CPU time of the process that answered.
    """

    answers: int
    wall_s: float
    cpu_ms: float

    @property
    def answers_per_s(self) -> float:
        """Answers a second."""
        return self.answers / self.wall_s

    @property
    def cpu_ms_each(self) -> float:
        """CPU milliseconds of an answer."""
        return self.cpu_ms / max(1, self.answers)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--requests", type=int, default=300, help="in each round, without comparing points")
    parser.add_argument("--compared", type=int, default=60, help="in each round, comparing points")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stalled", type=int, default=64)
    parser.add_argument("--kept", type=int, nargs=2, default=(2000, 20_000), help="requests of mixed sizes")
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=_PARTS)
    options = parser.parse_args()
    with served(options.pack) as server:
        idle = {"idle_p99_ms": _latencies(_idle_ms(server))["health_p99_ms"]}
        if "clients" in options.only:
            _print_clients(server, options, "clients", GeometryMode.NEVER, options.requests, idle)
        if "compared" in options.only:
            _print_clients(server, options, "compared", GeometryMode.AUTO, options.compared, idle)
        if "stalled" in options.only:
            figures = _stalled(server, options.stalled) | idle
            print_line("service_load", part="stalled", **figures, asked_for="at most 50 ms")
        if "memory" in options.only:
            print_line("service_load", part="memory", **_memory(server, options.kept), asked_for="at most 0.10 more")


def _idle_ms(server: Served) -> list[float]:
    with _health_ms(server) as taken_ms:
        time.sleep(_STALLED_S)
    return taken_ms


def _print_clients(
    server: Served,
    options: argparse.Namespace,
    part: str,
    mode: GeometryMode,
    count: int,
    idle: Mapping[str, float],
) -> None:
    photo = drawn_photo(size_px=_PHOTO_PX)
    statuses: Counter[str] = Counter()
    health_ms: list[float] = []
    pairs: list[tuple[Rate, Rate]] = []
    with _engine(options.pack, photo, mode) as own:
        for _ in range(options.rounds):
            own_rate = own(count)
            pairs.append((own_rate, _clients(server, photo, mode, options.clients, count, statuses, health_ms)))
    print_line(
        "service_load",
        part=part,
        statuses=dict(statuses),
        engine_per_s=round(median(engine.answers_per_s for engine, _ in pairs), 1),
        answers_per_s=round(median(service.answers_per_s for _, service in pairs), 1),
        of_the_engine_s_rate=[round(service.answers_per_s / engine.answers_per_s, 2) for engine, service in pairs],
        cpu_to_the_engine_s=round(median(service.cpu_ms_each / engine.cpu_ms_each for engine, service in pairs), 2),
        **_latencies(health_ms),
        **idle,
        asked_for="at least 0.85, health p99 100 ms",
    )


@contextmanager
def _engine(folder: Path, photo: bytes, mode: GeometryMode) -> Iterator[Callable[[int], Rate]]:
    """Yield what answers a number of photos in batches in this process, decoded ahead by threads."""
    pack = open_pack(folder)
    with Identifier(pack, many=True) as identifier:
        cascade = GeometryCascade(pack, identifier.calibration, mode)
        identify = partial(identifier.identify_batch, top_k=cascade.match_count(_TOP_K))
        opened = OpenedPhoto(name="photo", content=photo)

        def prepare(one: object) -> object:
            return prepare_photo(one, identifier.recipe)  # type: ignore[arg-type]

        def answered(number: int) -> Rate:
            started, cpu_started = time.perf_counter(), time.process_time()
            ready = ready_photos([opened] * number, lambda one: make_ready(one, prepare=prepare, with_thumbnail=False))
            for answer in answers_in_batches(ready, identify):
                assert isinstance(answer, Identification)
                cascade.verified([opened], answer, top_k=_TOP_K)
            taken_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
            return Rate(answers=number, wall_s=taken_s, cpu_ms=1000 * cpu_s)

        with cascade:
            answered(4)  # warms up
            yield answered


def _clients(
    server: Served,
    photo: bytes,
    mode: GeometryMode,
    clients: int,
    count: int,
    statuses: Counter[str],
    health_ms: list[float],
) -> Rate:
    """Send photos from many clients at once, and count the statuses."""
    fields = {"file": ("photo.jpg", photo, "image/jpeg"), "verify_geometry": mode.value}
    body, content_type = urllib3.encode_multipart_formdata(fields)
    pool = urllib3.PoolManager(maxsize=clients, retries=False, timeout=120)

    def ask(_: int) -> str:
        headers = {"Content-Type": content_type}
        return str(pool.request("POST", f"{server.url}/v1/identify", body=body, headers=headers).status)

    list(map(ask, range(4)))  # warms up
    with _health_ms(server) as taken_ms, ThreadPoolExecutor(clients) as threads:
        started, cpu_started = time.perf_counter(), server.cpu_ms()
        found = Counter(threads.map(ask, range(count)))
        wall_s, cpu_ms = time.perf_counter() - started, server.cpu_ms() - cpu_started
    statuses.update(found)
    health_ms.extend(taken_ms)
    return Rate(answers=found["200"], wall_s=wall_s, cpu_ms=cpu_ms)


def _stalled(server: Served, count: int) -> dict[str, float]:
    """Return the latencies of `/health` while readers and writers connect that then stall, and after that."""
    with ExitStack() as stack:
        with _health_ms(server) as connecting_ms:
            sockets = _stalling(server, count, stack)
            time.sleep(_SETTLING_S)
        with _health_ms(server) as health_ms:
            end = time.monotonic() + _STALLED_S
            while time.monotonic() < end:
                for one in sockets[1::2]:
                    one.sendall(b"a")
                time.sleep(1)
    most_ms = round(max(connecting_ms), 1)
    return {"readers": count, "writers": count, "at_most_while_they_connect_ms": most_ms, **_latencies(health_ms)}


def _stalling(server: Served, count: int, stack: ExitStack) -> list[socket.socket]:
    """Return connections that have just been made: readers and writers in turn. The stack closes them."""
    host, port = urlsplit(server.url).hostname, urlsplit(server.url).port
    reader = f"GET {_largest_file(server)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    writer = b"POST /v1/identify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n"
    sockets = []
    for start in [reader, writer] * count:
        one = stack.enter_context(socket.socket())
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED_BYTES)
        one.connect((host, port))
        one.sendall(start)
        sockets.append(one)
    return sockets


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
        mode = GeometryMode.NEVER if number % _COMPARED_EACH else GeometryMode.AUTO
        photo = ("photo.jpg", photos[number % len(photos)], "image/jpeg")
        fields = {"file": photo} | ({"verify_geometry": mode.value} if route == "identify" else {})
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
