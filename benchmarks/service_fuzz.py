"""Megabytes of requests that nobody means, and of bombs, sent to a live service: no fault, and no memory kept.

    python benchmarks/service_fuzz.py --pack PACK [--megabytes 100] [--bomb-px 10000] [--seed 1]

Prints one JSON line: how often each status was answered, to each bomb too, and the server's memory before, at most and
after. Ends with 1 where a request met a fault (500), the server ended, its memory grew by more than a tenth, or was
300 MiB above the level before at any moment.

Before, all routes have been asked rightly, with a picture as large as phones take, by as many clients as ask later:
what libraries keep for the next request is there by then.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from urllib.parse import quote_from_bytes

import urllib3
from bombs import LARGEST_SIDE_PX, Bomb, all_bombs
from measuring import print_line
from PIL import Image
from served_pack import Served, served
from urllib3.filepost import encode_multipart_formdata

from edge_identify.edge_runtime.photos.synthetic_photo import drawn_photo

_CLIENTS = 4
_MOST_GROWTH = 0.10
_MOST_ABOVE_MIB = 300
_LOOK_EVERY_S = 0.02
_SETTLING_S = 2  # the last connections are closed by then
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")
_BUCKET = "/api/demo_backend_v2/image_search"
_WITH_FILES = (
    "/v1/identify", "/v1/search", "/v1/embed/image", "/identify", "/embed-image", "/visual-search/?top_k=3",
    f"{_BUCKET}/search_by_image?k=3",
)  # fmt: skip
_WITH_JSON: dict[str, dict[str, object]] = {
    "/v1/search": {"text": "a red mosaic", "limit": 5, "labels": {}, "namespaces": []},
    "/v1/embed/text": {"text": "a red mosaic"},
    f"{_BUCKET}/search": {"query": "show me photos", "k": 5},
    "/api/v1/search": {"text": "a red mosaic", "limit": 5},
    "/api/v1/vectors/search": {"embedding": [0.5, 0.25, 1], "limit": 5},
}
_GETS = ("/", "/v1/packs", "/packs.json", "/docs", "/openapi.json", "/metrics", "/health")

Sent = tuple[int, int]  # status, 0 where the connection was closed without one, and bytes


def main() -> int:
    """Send, print, and return 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--bomb-px", type=int, default=LARGEST_SIDE_PX, help="side of the images that are bombs")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with served(options.pack) as server:
        _ask_rightly(server)
        time.sleep(_SETTLING_S)
        before = server.resident_mib()
        with _highest(server) as highest:
            statuses, sent_bytes = _fuzz(server, round(options.megabytes * 1e6), options.seed)
            bombs = _throw(server, all_bombs(options.bomb_px))
        time.sleep(_SETTLING_S)
        after = server.resident_mib()
        sys.stderr.writelines(server.log)
        still_there = urllib3.request("GET", f"{server.url}/livez").status == 200
    growth, above = after / before - 1, max(highest) - before
    print_line(
        "service_fuzz",
        sent_mb=round(sent_bytes / 1e6, 1),
        requests=sum(statuses.values()),
        statuses={str(status): count for status, count in sorted(statuses.items())},
        bombs=bombs,
        resident_mib={"before": round(before, 1), "at_most": round(max(highest), 1), "after": round(after, 1)},
        growth=round(growth, 4),
        above_mib=round(above, 1),
        asked_for="no 500, growth 0.10, above 300 MiB",
        still_there=still_there,
    )
    faults = statuses[500] + sum("500" in found for found in bombs.values())
    return 1 if faults or not still_there or growth > _MOST_GROWTH or above > _MOST_ABOVE_MIB else 0


@contextmanager
def _highest(server: Served) -> Iterator[list[float]]:
    """Look at the server's memory while the block runs, and yield the list of what is found."""
    found = [server.resident_mib()]
    ended = Event()

    def look() -> None:
        while not ended.wait(_LOOK_EVERY_S):
            found.append(server.resident_mib())

    thread = Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def _throw(server: Served, bombs: Sequence[Bomb]) -> dict[str, dict[str, int]]:
    """Send each bomb from each client, a few bombs at a time, and return the statuses by its name."""
    statuses: dict[str, Counter[str]] = {bomb.name: Counter() for bomb in bombs}

    def one_client(number: int) -> None:
        for bomb in [*bombs[number:], *bombs[:number]]:
            status, _ = _send(server, bomb.path, bomb.content_type, bomb.body)
            statuses[bomb.name][str(status)] += 1

    with ThreadPoolExecutor(_CLIENTS) as clients:
        list(clients.map(one_client, range(_CLIENTS)))
    return {name: dict(found) for name, found in statuses.items()}


def _ask_rightly(server: Served) -> None:
    large = drawn_photo()
    pictures = [_picture(random.Random(number), name) for number, name in enumerate(_FORMATS)]

    def ask(_: int) -> None:
        with urllib3.PoolManager() as pool:
            for path in _WITH_FILES:
                for picture in (large, *pictures):
                    pool.request("POST", server.url + path, fields={"file": ("photo", picture)}, retries=False)
            for path, body in _WITH_JSON.items():
                pool.request("POST", server.url + path, json=body, retries=False)
            for path in _GETS:
                pool.request("GET", server.url + path, retries=False)

    with ThreadPoolExecutor(_CLIENTS) as clients:
        list(clients.map(ask, range(_CLIENTS)))


def _fuzz(server: Served, wanted_bytes: int, seed: int) -> tuple[Counter[int], int]:
    def one_client(number: int) -> tuple[Counter[int], int]:
        rng = random.Random(seed * 1000 + number)
        statuses: Counter[int] = Counter()
        total = 0
        while total < wanted_bytes / _CLIENTS:
            status, length = rng.choice(_KINDS)(rng, server)
            statuses[status] += 1
            total += length
        return statuses, total

    with ThreadPoolExecutor(_CLIENTS) as clients:
        found = list(clients.map(one_client, range(_CLIENTS)))
    return sum((statuses for statuses, _ in found), Counter()), sum(length for _, length in found)


def _picture(rng: random.Random, form: str) -> bytes:
    size = (rng.randrange(1, 160), rng.randrange(1, 160))
    buffer = io.BytesIO()
    Image.frombytes("RGB", size, rng.randbytes(3 * size[0] * size[1])).save(buffer, form)
    return buffer.getvalue()


def _spoiled(rng: random.Random, data: bytes) -> bytes:
    """Return data with some bytes changed, taken out, doubled or cut off."""
    spoiled = bytearray(data)
    for _ in range(rng.randrange(1, 8)):
        at = rng.randrange(len(spoiled) + 1)
        match rng.randrange(5):
            case 0:
                spoiled[at : at + 1] = rng.randbytes(1)
            case 1:
                del spoiled[at : at + rng.randrange(1, 64)]
            case 2:
                spoiled[at:at] = spoiled[at : at + rng.randrange(1, 512)]
            case 3:
                spoiled[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b'"}]{'])
            case 4:
                del spoiled[max(at, len(spoiled) // 2) :]
    return bytes(spoiled)


def _spoiled_picture(rng: random.Random, server: Served) -> Sent:
    picture = _spoiled(rng, _picture(rng, rng.choice(_FORMATS)))
    fields: list[tuple[str, object]] = [("file", ("photo", picture))]
    fields += [
        (name, rng.choice(["0", "-1", "1000000000", "five", "5", ""])) for name in ("top_k",) if rng.random() < 0.3
    ]
    body, content_type = encode_multipart_formdata(fields)  # type: ignore[arg-type]  # its types are narrower
    return _send(server, rng.choice(_WITH_FILES), content_type, body)


def _spoiled_form(rng: random.Random, server: Served) -> Sent:
    photo = ("photo", _picture(rng, "JPEG"))
    fields: dict[str, str | tuple[str, bytes]] = {"file": photo, "top_k": "5", "near": "48.8,2.3", "namespace": "Paris"}
    body, content_type = encode_multipart_formdata(fields)
    if rng.random() < 0.2:
        content_type = _spoiled(rng, content_type.encode()).decode("latin-1")
    return _send(server, rng.choice(_WITH_FILES), content_type, _spoiled(rng, body))


def _spoiled_json(rng: random.Random, server: Served) -> Sent:
    path, body = rng.choice(list(_WITH_JSON.items()))
    key = rng.choice(list(body))
    strange: list[object] = [
        None, [], {}, -1, 10**300, 1e308, "x" * rng.randrange(1, 5000), "\ud800", [1.0] * rng.randrange(1, 3000), True,
        {"a": ["b"]},
    ]  # fmt: skip
    text = json.dumps(body | {key: rng.choice(strange)}).encode()
    if rng.random() < 0.1:
        text = b'{"text":' + b"[" * rng.randrange(1, 100_000)
    return _send(server, path, "application/json", text if rng.random() < 0.5 else _spoiled(rng, text))


def _strange_address(rng: random.Random, server: Served) -> Sent:
    parts = [quote_from_bytes(rng.randbytes(rng.randrange(12)), safe="/..") for _ in range(rng.randrange(1, 5))]
    base = rng.choice(["", "/v1/packs", "/v1/packs/demo/references", "/manifests", "/blobs/sha256", "/v1"])
    line = f"{rng.choice(['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'X'])} {base}/{'/'.join(parts)}?{parts[0]} HTTP/1.1"
    return _send_raw(
        server, f"{line}\r\nHost: localhost\r\nRange: bytes={parts[0]}\r\nConnection: close\r\n\r\n".encode("latin-1")
    )


def _garbage(rng: random.Random, server: Served) -> Sent:
    request = (
        b"POST /v1/identify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n0123456789"
    )
    return _send_raw(server, rng.randbytes(rng.randrange(1, 4000)) if rng.random() < 0.5 else _spoiled(rng, request))


_KINDS: tuple[Callable[[random.Random, Served], Sent], ...] = (
    _spoiled_picture, _spoiled_picture, _spoiled_form, _spoiled_json, _strange_address, _garbage,
)  # fmt: skip


def _send(server: Served, path: str, content_type: str, body: bytes) -> Sent:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: "
    whole = f"\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return _send_raw(server, head.encode() + content_type.encode("latin-1", "replace") + whole + body)


def _send_raw(server: Served, request: bytes) -> Sent:
    host, port = server.url.removeprefix("http://").split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=60) as line:
            line.sendall(request)
            line.shutdown(socket.SHUT_WR)
            first = line.makefile("rb").readline().split()
    except ConnectionError:  # hung up on, which is an answer to garbage
        first = []
    return (int(first[1]) if len(first) > 1 and first[1].isdigit() else 0), len(request)


if __name__ == "__main__":
    sys.exit(main())
