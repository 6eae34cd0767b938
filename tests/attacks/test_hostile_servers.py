"""Servers that keep a sync busy for ever, or send it into the device's own network."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from edge_identify.edge_runtime.errors import NetworkError
from edge_identify.edge_runtime.io import guarded_connections
from edge_identify.edge_runtime.pack.manifest import FileEntry
from edge_identify.edge_runtime.sync import http_download
from edge_identify.edge_runtime.sync.http_download import HttpServer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
PAUSE_S = 0.05  # between the bytes of a drip, which must arrive before the read timeout
READ_TIMEOUT_S = 0.3
Answer = Callable[[], Iterator[bytes]]


@contextmanager
def serving(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """A server that sends pieces of bytes; yields its address and the paths that were asked for."""
    ended, asked = threading.Event(), list[str]()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            asked.append(connection.recv(65536).split(b" ")[1].decode())
            for piece in answer():
                connection.sendall(piece)
                if ended.wait(0 if len(piece) > 10 else PAUSE_S):
                    return

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        finally:
            ended.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def drip(head: bytes) -> Answer:
    return lambda: itertools.chain([head], itertools.repeat(b"x"))


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_download, "_MORE_FOR_HEAD_S", 0.2)
    monkeypatch.setattr(http_download, "MAX_STALL_S", 0.5)


@pytest.mark.parametrize(
    "answer",
    [
        drip(b"HTTP/1.1 200 OK\r\nX-Endless: "),
        lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        drip(OK),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;"),
        drip(b"HTTP/1.1 200 OK\r\n\r\n"),
    ],
    ids=["head", "1xx", "body", "chunk", "no length"],
)
@pytest.mark.timeout(60)
def test_a_server_that_drips_is_given_up(answer: Answer, tmp_path: Path) -> None:
    entry = FileEntry(path="index.faiss", sha256="0" * 64, length_bytes=1_000_000)
    with serving(answer) as (url, _), closing(_server(url)) as server:
        with pytest.raises(NetworkError):
            server.fetch_document("packs.json", max_bytes=10**6)
        with pytest.raises(NetworkError):
            server.fetch_blob(entry, tmp_path / "blob", lambda _: None)


def _zipped(data: bytes) -> bytes:
    body = gzip.compress(data)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


_BOMB = _zipped(bytes(2 * 10**7))


@pytest.mark.parametrize(
    "answer",
    [
        lambda: itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], itertools.repeat(bytes(65536))),
        lambda: iter([_BOMB]),
    ],
    ids=["endless", "gzip bomb"],
)
def test_more_than_was_promised_is_read_no_further_than_the_limit(answer: Answer, tmp_path: Path) -> None:
    entry = FileEntry(path="index.faiss", sha256="0" * 64, length_bytes=1000)
    tracemalloc.start()
    with serving(answer) as (url, _), closing(_server(url)) as server:
        with pytest.raises(NetworkError, match="longer than the limit of 1000 bytes"):
            server.fetch_document("tuf/timestamp.json", max_bytes=1000)
        with pytest.raises(NetworkError, match="longer than 1000 bytes"):
            server.fetch_blob(entry, tmp_path / "blob", lambda _: None)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 10 * 2**20
    assert not list(tmp_path.iterdir())


def test_a_file_that_a_proxy_zips_on_the_way_is_the_file_or_is_refused(tmp_path: Path) -> None:
    data = bytes(range(256)) * 8
    entry = FileEntry(path="index.faiss", sha256=hashlib.sha256(data).hexdigest(), length_bytes=len(data))
    with serving(lambda: iter([_zipped(data)])) as (url, _), closing(_server(url)) as server:
        assert server.fetch_document("packs.json", max_bytes=10**6) == data
        server.fetch_blob(entry, tmp_path / "blob", lambda _: None)
    assert (tmp_path / "blob").read_bytes() == data
    wrong = _zipped(data).replace(b"gzip", b"br")  # says one thing, sends another
    with serving(lambda: iter([wrong])) as (url, _), closing(_server(url)) as server, pytest.raises(NetworkError):
        server.fetch_blob(entry, tmp_path / "another", lambda _: None)
    assert not (tmp_path / "another").exists()


def test_a_document_and_a_whole_sync_have_a_deadline(tmp_path: Path) -> None:
    entry = FileEntry(path="index.faiss", sha256="0" * 64, length_bytes=1_000_000)
    times = itertools.count(0, 100.0)  # each look at the clock finds that 100 s have passed
    with serving(lambda: iter([OK, b"x" * 5000])) as (url, _):
        with closing(_server(url, clock=lambda: next(times))) as server, pytest.raises(NetworkError, match="too long"):
            server.fetch_document("packs.json", max_bytes=10**6)
        times = itertools.count(0, 7 * 3600.0)
        with closing(_server(url, clock=lambda: next(times))) as server, pytest.raises(NetworkError, match="too long"):
            server.fetch_blob(entry, tmp_path / "blob", lambda _: None)


@pytest.mark.parametrize("host", ["127.0.0.2", "localhost", "[::1]", "10.1.2.3", "169.254.169.254", "router.test"])
def test_a_redirect_from_the_internet_does_not_lead_into_a_private_network(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(http_download, "is_public", lambda address: address == "127.0.0.1")
    here = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with serving(lambda: iter([here])) as (inner, asked):
        target = inner.replace("127.0.0.1", host).encode()
        redirect = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + target + b"/packs.json\r\n\r\n"
        with (
            serving(lambda: iter([redirect])) as (url, _),
            closing(_server(url)) as server,
            pytest.raises(NetworkError, match="redirects from the internet into a private network"),
        ):
            server.fetch_document("packs.json", max_bytes=10**6)
        assert asked == []


def test_a_redirect_of_a_server_whose_address_is_not_known_counts_as_from_the_internet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A server that resets the connection after its answer has no address any more.
    monkeypatch.setattr(guarded_connections, "_peer_of", lambda _: None)
    redirect = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://10.1.2.3/packs.json\r\n\r\n"
    with (
        serving(lambda: iter([redirect])) as (url, _),
        closing(_server(url)) as server,
        pytest.raises(NetworkError, match="redirects from the internet into a private network"),
    ):
        server.fetch_document("packs.json", max_bytes=10**6)


def test_a_redirect_within_the_internet_or_within_a_private_network_is_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with serving(lambda: iter([here])) as (inner, _):
        redirect = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + inner.encode() + b"/x\r\n\r\n"
        for is_public in (True, False):
            monkeypatch.setattr(http_download, "is_public", lambda _, found=is_public: found)
            with serving(lambda: iter([redirect])) as (url, _), closing(_server(url)) as server:
                assert server.fetch_document("packs.json", max_bytes=100) == b"{}"


def _server(url: str, **more: Any) -> HttpServer:
    def resolve(host: str, _port: int) -> list[str]:
        return ["192.168.1.1"] if host == "router.test" else ["127.0.0.9"] if host == "localhost" else [host]

    return HttpServer(url, sleep=lambda _: None, read_timeout_s=READ_TIMEOUT_S, resolve=resolve, **more)
