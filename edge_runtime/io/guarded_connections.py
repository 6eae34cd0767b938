"""urllib3 connections to permitted addresses only, with a limit on the time to the response's head.

Through a proxy, the proxy resolves the name and connects. What can be checked here is checked before each request: see
`public_addresses.problem_before_proxy`. The proxy itself is the operator's choice, and may have any address.

`_new_conn` is the method in which urllib3 opens its sockets. urllib3 has no public hook for that. The name and its
errors are the same since version 1, and tests cover it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from edge_identify.edge_runtime.io.proxies import ProxiedConnections, Proxy
from edge_identify.edge_runtime.io.public_addresses import (
    LookUp,
    MayConnect,
    PrivateAddressError,
    address_to_connect_to,
    problem_before_proxy,
)

if TYPE_CHECKING:
    from urllib3 import HTTPConnectionPool, HTTPResponse, ProxyManager

_PORTS = {"http": 80, "https": 443}
MOST_STATUS_LINES = 10  # of one response: 1xx before the last; servers send one at most
_MOST_HOSTS = 4096  # whose check is remembered: one look-up for each, not one for each image


class _Connection(Protocol):
    host: str
    port: int
    timeout: Any
    source_address: Any
    socket_options: Any


def guarded_connections(
    *,
    resolve: LookUp,
    may_connect: MayConnect,
    connect_timeout_s: float,
    read_timeout_s: float,
    answer_within_s: float,
    connections_per_host: int,
    headers: Mapping[str, str],
    environment: Mapping[str, str],
) -> ProxiedConnections:
    """Return urllib3 connection pools that check every connection, and every request that goes to a proxy.

    Args:
        resolve: Resolves host names.
        may_connect: Says which IP addresses may be connected to.
        connect_timeout_s: Timeout of a connection.
        read_timeout_s: Longest silence of a server.
        answer_within_s: Longest time to the end of the response's head, even if bytes keep arriving.
        connections_per_host: Number of connections to keep for each host.
        headers: The headers of every request.
        environment: The environment's variables; they name the proxies.
    """
    from urllib3 import PoolManager, ProxyManager, Timeout

    of_all: dict[str, Any] = {
        "num_pools": 64,
        "maxsize": connections_per_host,
        "headers": headers,
        "timeout": Timeout(connect=connect_timeout_s, read=read_timeout_s),
    }

    def connect(connection: _Connection) -> socket.socket:
        return _connect(connection, resolve, may_connect)

    direct = PoolManager(**of_all)
    direct.pool_classes_by_scheme = timely_pools(answer_within_s, connect)

    def through(proxy: Proxy) -> ProxyManager:
        manager = ProxyManager(proxy.url, proxy_headers=proxy.headers, **of_all)
        manager.pool_classes_by_scheme = timely_pools(answer_within_s, None)
        return manager

    @lru_cache(maxsize=_MOST_HOSTS)
    def problem(host: str, port: int) -> str | None:
        return problem_before_proxy(host, port, resolve=resolve, may_connect=may_connect)

    def check(url: str) -> None:
        parts = urlsplit(url)
        found = problem(parts.hostname or "", parts.port or _PORTS[parts.scheme])
        if found is not None:
            raise PrivateAddressError(found)

    return ProxiedConnections(direct, through, environment, check_before_proxy=check)


def timely_pools(
    answer_within_s: float, connect: Callable[[_Connection], socket.socket] | None
) -> dict[str, type[HTTPConnectionPool]]:
    """Return urllib3's pool classes by scheme, with a limit on the time to the response's head.

    A server that drips its head, or sends 1xx responses without end, is cut off. `connected_socket` of a response is
    its socket, and `peer_address` the IP address that it came from, also when the connection is closed by then.

    Args:
        answer_within_s: Longest time to the end of the response's head.
        connect: Opens the socket of a connection; None for urllib3's own way.
    """
    import http.client

    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.connection import HTTPConnection, HTTPSConnection

    class CountedResponse(http.client.HTTPResponse):
        # Each status line is read here; a flood of them keeps a socket readable, even after it was shut down.
        _left = MOST_STATUS_LINES

        def _read_status(self) -> tuple[str, int, str]:
            if not self._left:
                raise http.client.BadStatusLine(f"more than {MOST_STATUS_LINES} informational responses")
            self._left -= 1
            found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]  # not in its types
            return found

    class GuardedHTTPConnection(HTTPConnection):
        response_class = CountedResponse

        def _new_conn(self) -> socket.socket:
            return super()._new_conn() if connect is None else connect(self)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3 returns its own, too
            connected, peer = self.sock, _peer_of(self.sock)
            with _cut_off(connected, answer_within_s) as is_over:
                response = super().getresponse()
            return _whole_answer(response, connected, peer, is_over, answer_within_s)

    class GuardedHTTPSConnection(GuardedHTTPConnection, HTTPSConnection):
        """The same over TLS: `super()` above is urllib3's HTTPSConnection here."""

    class GuardedHTTPPool(HTTPConnectionPool):
        ConnectionCls = GuardedHTTPConnection

    class GuardedHTTPSPool(HTTPSConnectionPool):
        ConnectionCls = GuardedHTTPSConnection

    return {"http": GuardedHTTPPool, "https": GuardedHTTPSPool}


def _connect(connection: Any, resolve: LookUp, may_connect: MayConnect) -> socket.socket:
    from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
    from urllib3.util.connection import create_connection

    try:
        address = address_to_connect_to(connection.host, connection.port, resolve=resolve, may_connect=may_connect)
        return create_connection(
            (address, connection.port),
            connection.timeout,
            source_address=connection.source_address,
            socket_options=connection.socket_options,
        )
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, f"no answer from {connection.host}") from error
    except OSError as error:
        raise NewConnectionError(connection, str(error)) from error


@contextmanager
def _cut_off(connected: socket.socket | None, after_s: float) -> Iterator[threading.Event]:
    is_over = threading.Event()

    def end() -> None:
        is_over.set()
        _shut_down(connected)()

    timer = threading.Timer(after_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield is_over
    finally:
        timer.cancel()


def _peer_of(connected: socket.socket | None) -> str | None:
    """Return the address of the other end; None if it is not known: the connection has broken off."""
    try:
        return None if connected is None else str(connected.getpeername()[0])
    except OSError:
        return None


def _whole_answer(
    response: HTTPResponse,
    connected: socket.socket | None,
    peer: str | None,
    is_over: threading.Event,
    within_s: float,
) -> HTTPResponse:
    if is_over.is_set():  # a head that is cut off looks complete
        response.close()
        raise ConnectionAbortedError(f"no complete answer within {within_s:g} seconds")
    response.connected_socket = connected  # type: ignore[attr-defined]
    response.peer_address = peer  # type: ignore[attr-defined]
    return response


class Pace:
    """How many bytes have arrived.

    Attributes:
        arrived_bytes: Their number.
        is_cut: Whether the connection was cut off because they were too few.
    """

    def __init__(self) -> None:
        """Start with none."""
        self.arrived_bytes, self.is_cut = 0, False

    def add(self, length_bytes: int) -> None:
        """Count bytes that have just arrived."""
        self.arrived_bytes += length_bytes


@contextmanager
def cut_off_if_slow(connected: socket.socket | None, *, window_s: float, least_bytes: int) -> Iterator[Pace]:
    """Cut a connection off as soon as too few bytes arrive, even if some do.

    Args:
        connected: The connection's socket.
        window_s: Seconds between two looks.
        least_bytes: Least number of bytes between two looks.

    Yields:
        Counts what arrives.
    """
    pace, ended = Pace(), threading.Event()

    def watch() -> None:
        before = 0
        while not ended.wait(window_s):
            if pace.arrived_bytes - before < least_bytes:
                pace.is_cut = True
                _shut_down(connected)()
                return
            before = pace.arrived_bytes

    threading.Thread(target=watch, name="least rate", daemon=True).start()
    try:
        yield pace
    finally:
        ended.set()


def _shut_down(connected: socket.socket | None) -> Callable[[], None]:
    def shut_down() -> None:
        with suppress(OSError):
            if connected is not None:
                # Not SSLSocket's own, which drops TLS: a reader would take the ciphertext that is left for the file.
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    return shut_down
