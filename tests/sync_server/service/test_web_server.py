"""The web server against clients that stall, with an application of a few lines."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edge_identify.sync_server.contract.problem_responses import REFUSED
from edge_identify.sync_server.service import connection_rules, web_server, work_lanes
from edge_identify.sync_server.service.web_server import ServerLimits, WebServer
from edge_identify.sync_server.service.work_lanes import Lane, lane_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Application = Callable[["WSGIEnvironment", "StartResponse"], list[bytes]]
BODY_BYTES = 1000
STALLED = 110  # more than the 100 connections that waitress takes by default
_REPLY_WITHIN_S = 20


class Served:
    def __init__(self, server: WebServer, thread: threading.Thread) -> None:
        self.server, self.thread = server, thread
        self.address: tuple[str, int] = server.socket.getsockname()

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, _REPLY_WITHIN_S)

    def send(self, data: bytes) -> bytes:
        with self.connect() as client:
            client.sendall(data)
            return read_all(client)

    def get(self, path: str) -> bytes:
        return self.send(f"GET {path} HTTP/1.0\r\n\r\n".encode())

    def post(self, body: bytes) -> bytes:
        return self.send(b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def read_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(1 << 16), b""))


@contextmanager
def serving(application: Application, **options: Any) -> Iterator[Served]:
    limits = ServerLimits(**({"body_bytes": BODY_BYTES, "patience_s": 10.0} | options))
    server = WebServer(application, socket.create_server(("127.0.0.1", 0)), limits)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield Served(server, thread)
    finally:
        server.end(drain_s=0)
        thread.join()
        server.close()


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    body = environ["wsgi.input"].read() if not environ.get(REFUSED) else environ[REFUSED].encode()
    start_response("503 Busy" if environ.get(REFUSED) else "200 OK", [("Content-Length", str(len(body)))])
    return [body]


class Gate:
    """An application whose questions wait until they are let through."""

    def __init__(self) -> None:
        self.arrived, self.opened = threading.Semaphore(0), threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        if environ["REQUEST_METHOD"] == "POST" and not environ.get(REFUSED):
            self.arrived.release()
            assert self.opened.wait(_REPLY_WITHIN_S)
        return echo(environ, start_response)


def test_connections_that_do_nothing_block_nobody() -> None:
    with serving(echo) as served, ExitStack() as stack:
        for number in range(STALLED):
            client = stack.enter_context(served.connect())
            client.sendall((b"", b"GET / HTTP/1.1\r\nA", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\na")[number % 3])
        assert b"200 OK" in served.get("/livez")


def test_a_request_without_a_body_is_answered_though_it_expects_to_go_on() -> None:
    with serving(echo) as served:
        expecting = b"Host: a\r\nConnection: close\r\nExpect: 100-continue\r\n"
        without_body = served.send(b"GET / HTTP/1.1\r\n" + expecting + b"\r\n")
        with_body = served.send(b"POST / HTTP/1.1\r\n" + expecting + b"Content-Length: 2\r\n\r\nab")

    assert without_body.startswith(b"HTTP/1.1 200 OK\r\n")
    assert with_body.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_slow_clients_are_disconnected_and_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEADERS_S", "BODY_S", "IDLE_S"):
        monkeypatch.setattr(connection_rules, name, 0.5)
    monkeypatch.setattr(web_server, "_LOOKED_EVERY_S", 0.1)
    with serving(echo) as served, ExitStack() as stack:
        starts = (b"GET / HTTP/1.1\r\nA", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\na", b"")
        clients = [stack.enter_context(served.connect()) for _ in starts]
        for client, start in zip(clients, starts, strict=True):
            client.sendall(start)
        headers, body, nothing = map(read_all, clients)
    assert b" 408 Request Timeout" in headers
    assert json.loads(headers.partition(b"\r\n\r\n")[2])["type"] == "/docs#request-timeout"
    assert b"the body did not arrive in time" in body
    assert nothing == b""


def test_a_reader_that_stops_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_rules, "WINDOW_S", 0.2)
    monkeypatch.setattr(web_server, "_LOOKED_EVERY_S", 0.1)

    def large(_: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("Content-Length", str(20 << 20))])
        return [bytes(20 << 20)]

    with serving(large) as served, served.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        client.recv(1)
        for _ in range(200):
            if not served.server.active_channels:
                break
            threading.Event().wait(0.05)
        assert not served.server.active_channels


def test_no_connection_takes_more_than_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turn_bytes, sent_at_once_bytes, turns = 10_000, 4_000, list[int]()
    monkeypatch.setattr(web_server, "_SENT_IN_A_TURN_BYTES", turn_bytes)
    monkeypatch.setattr(web_server, "_SENT_AT_ONCE_BYTES", sent_at_once_bytes)
    handle_write = web_server.Channel.handle_write

    def counted(channel: web_server.Channel) -> None:
        before = channel._moved_bytes
        handle_write(channel)
        turns.append(channel._moved_bytes - before)

    monkeypatch.setattr(web_server.Channel, "handle_write", counted)
    body = bytes(200_000)

    def large(_: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    with serving(large) as served:
        assert served.get("/").endswith(body)
    assert max(turns) <= turn_bytes + sent_at_once_bytes
    assert len(turns) > 10


def test_status_and_files_never_wait_behind_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(work_lanes._THREADS, Lane.QUESTIONS, 1)
    gate = Gate()
    with serving(gate) as served, ExitStack() as stack:
        stack.callback(gate.opened.set)
        for _ in range(3):
            client = stack.enter_context(served.connect())
            client.sendall(b"POST / HTTP/1.0\r\n\r\n")
        assert gate.arrived.acquire(timeout=_REPLY_WITHIN_S)
        assert b"200 OK" in served.get("/livez")
        assert b"200 OK" in served.get("/packs.json")


@pytest.mark.parametrize(
    ("method", "path", "lane"),
    [
        ("GET", "/livez", Lane.STATUS),
        ("GET", "/health", Lane.STATUS),
        ("HEAD", "/blobs/a", Lane.FILES),
        ("POST", "/v1/identify", Lane.QUESTIONS),
        ("BREW", "/", Lane.QUESTIONS),
    ],
)
def test_each_request_has_its_lane(method: str, path: str, lane: Lane) -> None:
    assert lane_of(method, path) is lane


def test_a_question_beyond_the_queue_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(work_lanes._THREADS, Lane.QUESTIONS, 1)
    monkeypatch.setattr(work_lanes, "MOST_WAITING", 1)
    gate = Gate()
    with serving(gate) as served, served.connect() as first, served.connect() as second:
        first.sendall(b"POST / HTTP/1.0\r\n\r\n")
        assert gate.arrived.acquire(timeout=_REPLY_WITHIN_S)
        second.sendall(b"POST / HTTP/1.0\r\n\r\n")
        while not served.server.task_dispatcher.waiting:
            threading.Event().wait(0.01)
        assert b" 503 " in served.post(b"third")
        gate.opened.set()
        assert b"200 OK" in read_all(first)
        assert b"200 OK" in read_all(second)


def test_a_question_that_waited_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(work_lanes._THREADS, Lane.QUESTIONS, 1)
    with serving(echo, patience_s=-1.0) as served:
        assert b"the server is busy: the request waited" in served.post(b"a")


def test_bodies_stay_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    body = bytes(2 << 20)
    with serving(echo, body_bytes=4 << 20) as served:
        assert served.post(body).endswith(b"\r\n\r\n" + body)


def test_the_largest_unfinished_upload_makes_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_server, "_BODIES_BYTES", 2 * BODY_BYTES)
    with serving(echo) as served, ExitStack() as stack:
        hostile = [stack.enter_context(served.connect()) for _ in range(3)]
        for client in hostile:
            client.sendall(b"POST / HTTP/1.0\r\nContent-Length: 1000\r\n\r\n" + bytes(900))
        assert b"200 OK" in served.post(bytes(500))
        for client in hostile:
            client.sendall(bytes(100))
        answers = sorted(read_all(client)[9:12] for client in hostile)
        assert answers == [b"200", b"503", b"503"]
        assert served.server.uploads.held_bytes == 0


def test_the_end_answers_all_that_was_taken_in_and_takes_no_more() -> None:
    gate = Gate()
    with serving(gate) as served, ExitStack() as stack:
        clients = [stack.enter_context(served.connect()) for _ in range(30)]
        idle = stack.enter_context(served.connect())
        for client in clients:
            client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na")
        for client in clients[:-1]:
            client.sendall(b"b")
        assert gate.arrived.acquire(timeout=_REPLY_WITHIN_S)
        served.server.end(drain_s=_REPLY_WITHIN_S)
        assert read_all(idle) == b""
        gate.opened.set()
        clients[-1].sendall(b"b")
        answers = [read_all(client) for client in clients]
        assert all(b"200 OK" in answer and b"Connection: close" in answer for answer in answers)
        served.thread.join(_REPLY_WITHIN_S)
        assert not served.thread.is_alive()
        with pytest.raises(ConnectionRefusedError):
            served.connect()


def test_the_end_waits_no_longer_than_it_may() -> None:
    gate = Gate()
    with serving(gate) as served, served.connect() as client:
        client.sendall(b"POST / HTTP/1.0\r\n\r\n")
        assert gate.arrived.acquire(timeout=_REPLY_WITHIN_S)
        served.server.end(drain_s=0.1)
        assert read_all(client) == b""
        gate.opened.set()
