"""A published tree that syncs read from memory: the client's own code, without sockets."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

from urllib3 import HTTPResponse

from edge_identify.edge_runtime.io.guarded_connections import Pace
from edge_identify.edge_runtime.sync import http_download
from edge_identify.edge_runtime.sync.http_download import HttpServer

URL = "http://packs.example.org"


def files_of(repo: Path) -> dict[str, bytes]:
    """Return the files of a published tree by their paths."""
    return {path.relative_to(repo).as_posix(): path.read_bytes() for path in repo.rglob("*") if path.is_file()}


@contextmanager
def served_from_memory(files: Mapping[str, bytes]) -> Iterator[list[str]]:
    """Answer the requests of all syncs in this process; yield the paths that were asked for."""
    asked: list[str] = []

    def answer(_: HttpServer, url: str, headers: Mapping[str, str]) -> HTTPResponse:
        path = urlsplit(url).path.lstrip("/")
        asked.append(path)
        return response_for(files.get(path), headers)

    with patch.object(HttpServer, "_open", answer), patch.object(http_download, "cut_off_if_slow", _no_watch):
        yield asked


@contextmanager
def _no_watch(*_: object, **__: object) -> Iterator[Pace]:
    yield Pace()


def response_for(data: bytes | None, headers: Mapping[str, str]) -> HTTPResponse:
    """Return the response for a file, or for a range of it; 404 for None."""
    if data is None:
        return HTTPResponse(io.BytesIO(), status=404, preload_content=False)
    etag = f'"{hashlib.sha256(data).hexdigest()}"'
    asked = headers.get("Range")
    start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and headers.get("If-Range", etag) == etag else 0
    said = {"Content-Length": str(len(data) - start), "ETag": etag}
    if start:
        said["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
    return HTTPResponse(io.BytesIO(data[start:]), said, status=206 if start else 200, preload_content=False)
