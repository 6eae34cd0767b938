"""A forward proxy on loopback: it finds the servers of all names in a table, and records what it is asked."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Address = tuple[str, int]


class ForwardProxy(ThreadingHTTPServer):
    """A proxy. `asked` has the request lines, `authorizations` what `Proxy-Authorization` said in each."""

    daemon_threads = True

    def __init__(self, servers: Mapping[str, Address]) -> None:
        """Start with the address of the server of each name; other names are answered with 502."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.servers = servers
        self.password_needed: str | None = None
        self.asked: list[str] = []
        self.authorizations: list[str | None] = []

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ForwardProxy

    def do_GET(self) -> None:
        server = self._server(urlsplit(self.path).hostname or "")
        if server is None:
            return
        upstream = http.client.HTTPConnection(*server)
        path = self.path.split("/", 3)[3]
        headers = {name: value for name, value in self.headers.items() if not name.startswith("Proxy-")}
        upstream.request("GET", f"/{path}", headers=headers)
        answer = upstream.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        upstream.close()

    def do_CONNECT(self) -> None:
        server = self._server(self.path.rpartition(":")[0])
        if server is None:
            return
        with socket.create_connection(server) as upstream:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_copy, args=(upstream, self.connection))
            back.start()
            _copy(self.connection, upstream)
            back.join()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _server(self, host: str) -> Address | None:
        said = self.headers.get("Proxy-Authorization")
        self.server.asked.append(f"{self.command} {self.path}")
        self.server.authorizations.append(said)
        status = 407 if said != self.server.password_needed else 502 if host not in self.server.servers else None
        if status is None:
            return self.server.servers[host]
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(1 << 16):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def forward_proxy(servers: Mapping[str, Address]) -> Iterator[ForwardProxy]:
    """Run a proxy while the block runs."""
    with ForwardProxy(servers) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
