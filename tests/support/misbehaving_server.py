"""A real HTTP server on loopback that misbehaves on purpose, and records its requests."""

from __future__ import annotations

import gzip
import hashlib
import io
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import PIL.Image

Behaviour = Callable[["Request"], None]

_GZIP_BOMB = gzip.compress(bytes(8 * 2**20))


def drawn_image(seed: int) -> bytes:
    """Return a small PNG with colours that depend on the seed."""
    image = PIL.Image.new("RGB", (24, 16), (seed % 256, seed // 256 % 256, 77))
    image.paste((200, seed % 200, 30), (0, 0, 12, 8))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


class Request(BaseHTTPRequestHandler):
    """One request, with methods to answer it."""

    protocol_version = "HTTP/1.1"
    server: MisbehavingServer
    asked: int  # how often this path has been asked for, this time included

    def do_GET(self) -> None:
        """Answer with the behaviour of the path."""
        path = self.path.partition("?")[0]
        with self.server.lock:
            self.server.asked[path] += 1
            self.server.times.append((time.monotonic(), path))
            self.asked = self.server.asked[path]
        with suppress(OSError):  # the client went away
            self.server.behaviours[path.split("/")[1]](self)

    def send_image(self) -> None:
        """Send an image with an ETag, or 304 if the client has it."""
        data = drawn_image(int.from_bytes(self.path.encode()[-2:], "big") + self.server.edition)
        etag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        if self.headers.get("If-None-Match") == etag:
            with self.server.lock:
                self.server.not_modified += 1
            self.answer(304, headers={"ETag": etag})
        else:
            self.answer(200, data, {"Content-Type": "image/png", "ETag": etag})

    def answer(self, status: int, data: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """Send a complete response."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def head(self, *lines: tuple[str, str]) -> None:
        """Send the head of a 200 response whose body ends with the connection."""
        self.close_connection = True
        self.send_response(200)
        for name, value in lines:
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class MisbehavingServer(ThreadingHTTPServer):
    """Behaviours by the first part of the path, and the recorded requests."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: str = "127.0.0.1") -> None:
        """Listen on a free port."""
        self.behaviours: dict[str, Behaviour] = {**_BEHAVIOURS}
        self.lock = threading.Lock()
        self.asked: Counter[str] = Counter()
        self.times: list[tuple[float, str]] = []
        self.not_modified = 0
        self.edition = 0  # another one gives other images
        super().__init__((address, 0), Request)

    def url(self, path: str) -> str:
        """Return the URL of a path."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}/{path}"


@contextmanager
def misbehaving_server(address: str = "127.0.0.1") -> Iterator[MisbehavingServer]:
    """Serve on a loopback address while the block runs."""
    with MisbehavingServer(address) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


def _flaky(request: Request) -> None:
    if request.asked == 1:
        request.answer(503)
    else:
        request.send_image()


def _busy(request: Request) -> None:
    if request.asked == 1:
        request.answer(429, headers={"Retry-After": "1"})
    else:
        request.send_image()


def _cut_once(request: Request) -> None:
    if request.asked > 1:
        return request.send_image()
    data = drawn_image(1)
    request.head(("Content-Type", "image/png"), ("Content-Length", str(len(data))))
    request.wfile.write(data[: len(data) // 2])
    return None


def _cut_without_length(request: Request) -> None:
    data = drawn_image(1)
    request.head(("Content-Type", "image/png"))
    request.wfile.write(data if request.asked > 1 else data[: len(data) // 2])


def _drip(request: Request) -> None:
    request.head(("Content-Type", "image/png"), ("Content-Length", "100000"))
    for _ in range(2000):
        request.wfile.write(b"x")
        request.wfile.flush()
        time.sleep(0.02)


def _drip_head(request: Request) -> None:
    request.close_connection = True
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Padding: ")
    for _ in range(2000):
        request.wfile.write(b"x")
        request.wfile.flush()
        time.sleep(0.02)


def _endless(request: Request) -> None:
    request.head(("Content-Type", "image/png"))
    for _ in range(10_000):
        request.wfile.write(bytes(1 << 16))


def _gzip_bomb(request: Request) -> None:
    request.answer(200, _GZIP_BOMB, {"Content-Type": "image/png", "Content-Encoding": "gzip"})


def _redirect(request: Request) -> None:
    request.answer(302, headers={"Location": request.path.partition("?")[2]})


_BEHAVIOURS: dict[str, Behaviour] = {
    "good": Request.send_image,
    "flaky": _flaky,
    "busy": _busy,
    "very-busy": lambda request: request.answer(429, headers={"Retry-After": "86400"}),
    "down": lambda request: request.answer(500),
    "gone": lambda request: request.answer(404),
    "html": lambda request: request.answer(200, b"<html>sign in</html>", {"Content-Type": "text/html; charset=utf-8"}),
    "octets": lambda request: request.answer(200, drawn_image(5), {"Content-Type": "application/octet-stream"}),
    "empty": lambda request: request.answer(200, b"", {"Content-Type": "image/png"}),
    "claims-2-gb": lambda request: request.head(("Content-Type", "image/png"), ("Content-Length", str(2 * 2**30))),
    "endless": _endless,
    "gzip-bomb": _gzip_bomb,
    "cut-once": _cut_once,
    "cut-without-length": _cut_without_length,
    "drip": _drip,
    "drip-head": _drip_head,
    "redirect": _redirect,
    "bad-redirect": lambda request: request.answer(302, headers={"Location": "http://["}),
}
