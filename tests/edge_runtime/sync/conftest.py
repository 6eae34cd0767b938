"""Servers for sync tests: the real service on loopback, and one that sends wrong responses."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from edge_identify.sync_server.service.app import create_app


@dataclass(kw_only=True)
class Lie:
    """A wrong response of the server.

    Attributes:
        status: HTTP status.
        body: Body instead of the published file; None for that file.
        content_type: The header `Content-Type`.
        location: Target of a redirect.
        cut_at: Number of bytes before the connection ends, though the header states the whole length.
        is_silent: The server sends nothing.
        times: How often, before the right response is sent again.
    """

    status: int = 200
    body: bytes | None = None
    content_type: str = "application/octet-stream"
    location: str | None = None
    cut_at: int | None = None
    is_silent: bool = False
    times: int = 1_000_000


class LyingServer(ThreadingHTTPServer):
    """Serves a published tree. For a path that begins with a key of `lies`, it sends that wrong response."""

    daemon_threads = True

    def __init__(self, repo: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repo = repo
        self.lies: dict[str, Lie] = {}
        self.requested: list[str] = []
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def lie_about(self, path: str) -> Lie | None:
        for prefix, lie in self.lies.items():
            if path.startswith(prefix) and lie.times > 0:
                lie.times -= 1
                return lie
        return None


class _Handler(BaseHTTPRequestHandler):
    server: LyingServer

    def do_GET(self) -> None:
        self.server.requested.append(self.path)
        lie = self.server.lie_about(self.path) or Lie()
        if lie.is_silent:
            self.server.ended.wait()
            return
        file = self.server.repo / self.path.lstrip("/")
        body = lie.body if lie.body is not None else file.read_bytes() if file.is_file() else b""
        self.send_response(lie.status if lie.body is not None or file.is_file() or lie.location else 404)
        if lie.location is not None:
            self.send_header("Location", lie.location)
        self.send_header("Content-Type", lie.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: lie.cut_at])

    def log_message(self, *_: object) -> None:
        """Write no log."""


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace `fsync`: the files of tests need not survive a power cut."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(autouse=True)
def even_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the jitter out of pauses, so that tests can name them."""
    monkeypatch.setattr("edge_identify.edge_runtime.sync.http_download.with_jitter", lambda pause_s, _: pause_s)


@pytest.fixture
def lying_server(tmp_path: Path) -> Iterator[LyingServer]:
    """A server of `tmp_path/repo`; it responds correctly until a test adds a `Lie`."""
    server = LyingServer(tmp_path / "repo")
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()


@contextmanager
def _serving(repo: Path) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(repo), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server_url(tmp_path: Path) -> Iterator[str]:
    """The address of the real service for `tmp_path/repo`."""
    with _serving(tmp_path / "repo") as url:
        yield url


@pytest.fixture
def lie() -> type[Lie]:
    """`Lie`, for tests that cannot import this file."""
    return Lie
