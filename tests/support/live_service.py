"""`edge-serve run` in a process of its own, and an HTTP client for it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import urllib3

_START = "import sys; from edge_identify.sync_server.cli.main import main; sys.exit(main())"
_READY_WITHIN_S = 60
_ENDED_WITHIN_S = 30
_MOST_CONNECTIONS = 16  # that are kept open: as many as threads that use one client at once


@contextmanager
def running(*words: str, env: Mapping[str, str] | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the server, wait for the line with its URL, and yield process and URL."""
    command = [sys.executable, "-c", _START, "run", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            match = re.search(r"serving .* at (http://\S+)/\n", line)
            assert match is not None, line
            yield process, match[1]
        finally:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """Send SIGTERM, so that the server cleans up, and wait for its end."""
    process.terminate()
    try:
        process.wait(timeout=_ENDED_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def problem(self) -> str:
        """The name of its problem kind."""
        assert self.headers["Content-Type"] == "application/problem+json", self.data
        body = self.json()
        assert body["status"] == self.status
        assert body["request_id"] == self.headers["X-Request-ID"]
        assert {"title", "detail", "instance"} <= body.keys()
        return str(body["type"]).removeprefix("/docs#")


class Client:
    """An HTTP client of one server."""

    def __init__(self, url: str, process: subprocess.Popen[str]) -> None:
        self.url, self.process = url, process
        self._pool = urllib3.PoolManager(retries=False, timeout=60, maxsize=_MOST_CONNECTIONS)
        self.lines: list[str] = []  # of the server's log
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def request(self, method: str, path: str, **options: Any) -> Reply:
        answer = self._pool.request(method, self.url + path, **options)
        return Reply(status=answer.status, headers=answer.headers, data=answer.data)

    def get(self, path: str, **headers: str) -> Reply:
        return self.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post_json(self, path: str, body: object, **headers: str) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", path, body=data, headers={"Content-Type": "application/json", **headers})

    def post_file(self, path: str, photo: bytes, *more: tuple[str, str], name: str = "photo.jpg") -> Reply:
        return self.request("POST", path, fields=[("file", (name, photo, "image/jpeg")), *more])

    def wait_until_ready(self) -> None:
        end = time.monotonic() + _READY_WITHIN_S
        while self.get("/readyz").status != 200:
            assert time.monotonic() < end, self.lines
            time.sleep(0.05)

    def close(self) -> None:
        self._pool.clear()
        end(self.process)
        self._reader.join()  # while the log is open: it is closed when the process is done with

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)


@contextmanager
def live(*words: str, env: Mapping[str, str] | None = None) -> Iterator[Client]:
    """Start the server on a free port, wait until it is ready, and yield a client."""
    with running("--port", "0", *words, env=env) as (process, url):
        client = Client(url, process)
        try:
            client.wait_until_ready()
            yield client
        finally:
            client.close()
