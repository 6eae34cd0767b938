"""urllib3 connections to permitted addresses only, with a limit on the time to the response's head.

`_new_conn` is the method in which urllib3 opens its sockets. urllib3 has no public hook for that. The name and its
errors are the same since version 1, and tests cover it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from edge_identify import __version__
from edge_identify.datasets.sources.fetching.public_addresses import LookUp, MayConnect, address_to_connect_to

if TYPE_CHECKING:
    from urllib3 import HTTPResponse, PoolManager

_HEADERS = {"User-Agent": f"edge-identify/{__version__}", "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}


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
) -> PoolManager:
    """Return urllib3 connection pools that check every connection. They ignore the environment's proxies.

    Args:
        resolve: Resolves host names.
        may_connect: Says which IP addresses may be connected to.
        connect_timeout_s: Timeout of a connection.
        read_timeout_s: Longest silence of a server.
        answer_within_s: Longest time to the end of the response's head, even if bytes keep arriving.
        connections_per_host: Number of connections to keep for each host.
    """
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, Timeout
    from urllib3.connection import HTTPConnection, HTTPSConnection

    def connect(connection: _Connection) -> socket.socket:
        return _connect(connection, resolve, may_connect)

    class GuardedHTTPConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3 returns its own, too
            with _cut_off(self.sock, answer_within_s):
                return super().getresponse()

    class GuardedHTTPSConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3 returns its own, too
            with _cut_off(self.sock, answer_within_s):
                return super().getresponse()

    class GuardedHTTPPool(HTTPConnectionPool):
        ConnectionCls = GuardedHTTPConnection

    class GuardedHTTPSPool(HTTPSConnectionPool):
        ConnectionCls = GuardedHTTPSConnection

    manager = PoolManager(
        num_pools=64,
        maxsize=connections_per_host,
        headers=_HEADERS,
        timeout=Timeout(connect=connect_timeout_s, read=read_timeout_s),
    )
    manager.pool_classes_by_scheme = {"http": GuardedHTTPPool, "https": GuardedHTTPSPool}
    return manager


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
def _cut_off(connected: socket.socket | None, after_s: float) -> Iterator[None]:
    timer = threading.Timer(after_s, _shut_down(connected))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut_down(connected: socket.socket | None) -> Callable[[], None]:
    def shut_down() -> None:
        with suppress(OSError):
            if connected is not None:
                connected.shutdown(socket.SHUT_RDWR)

    return shut_down
