"""Downloads from a published tree over HTTP, with urllib3: limited in length, hashed on arrival, and retried.

Trap: a response with status 200 may be a hotel's sign-in page or a truncated file, and a redirect may lead to another
protocol. So every body has a length limit and every file a hash. Temporary failures (a broken connection, a server
that restarts) are retried.

A file of a pack arrives in parts if it must: each attempt asks for what is missing (RFC 9110, section 14), on condition
that the file is still the one whose first part is here (`If-Range`). An answer that is not exactly the rest starts the
file again; nothing is ever appended to a part that it may not continue. An attempt that brought something is followed
by another one, however often the connection breaks off. Pauses between attempts have jitter and honour `Retry-After`.

A server may send slowly, but not for ever: the head of a response and each window of time have limits, and so has the
whole sync. A redirect from a public address leads to public addresses only: a server on the internet must not make a
device send requests to its own network.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

from edge_identify.edge_runtime.errors import NetworkError
from edge_identify.edge_runtime.io.guarded_connections import Pace, cut_off_if_slow, guarded_connections, timely_pools
from edge_identify.edge_runtime.io.proxies import ProxiedConnections, Proxy, proxy_for, proxy_problem
from edge_identify.edge_runtime.io.public_addresses import (
    LookUp,
    PrivateAddressError,
    is_public,
    look_up,
    problem_before_proxy,
)
from edge_identify.edge_runtime.pack.manifest import FileEntry
from edge_identify.edge_runtime.sync.listing import blob_path
from edge_identify.edge_runtime.sync.partial_file import PartialFile, WrongContentError, WrongPieceError
from edge_identify.edge_runtime.sync.request_pace import RateLimit, retry_after_s, with_jitter

if TYPE_CHECKING:
    import socket

    from urllib3 import BaseHTTPResponse, ProxyManager

PAUSES_S = (0.5, 1.0, 2.0)  # between attempts: long enough for a server's restart, short enough for a person to wait
CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 30.0  # without a single byte; a second more to the end of a response's head
_MORE_FOR_HEAD_S = 1.0  # so that silence is called silence
LEAST_BYTES_PER_S = 1000  # over READ_TIMEOUT_S; a connection over GPRS brings ten times as much
MAX_STALL_S = 60.0  # from the last progress until a server is given up
MAX_DOCUMENT_S = 120.0  # for a listing or a manifest
MAX_SYNC_S = 6 * 3600.0  # for everything; what has arrived stays for the next sync
MAX_REDIRECTS = 5
_CHUNK_BYTES = 1 << 16
_PROGRESS_BYTES = 1 << 16  # an attempt that brought less counts as failed
_OK, _PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE = 200, 206, 416
_SMALLER = {"Accept-Encoding": "gzip"}  # of documents; most files of a pack cannot be compressed
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")

_Result = TypeVar("_Result")
_Consume = Callable[["BaseHTTPResponse", Pace], _Result]


class Downloader(Protocol):
    """Fetches files of a pack by their SHA-256."""

    def fetch_blob(
        self, entry: FileEntry, into: Path, on_bytes: Callable[[int], None], *, pieces: tuple[str, ...] = ()
    ) -> None:
        """Fetch one file. It appears at `into` only if its length and hash are right.

        Args:
            entry: The file: its hash, its length, and its path for messages.
            into: The target path; its folder must exist. Bytes that an earlier attempt left beside it are kept.
            on_bytes: Called several times with the number of bytes of this file that have arrived.
            pieces: SHA-256 of each of its pieces; empty if they are not known. A wrong piece is fetched again, alone.

        Raises:
            WrongPieceError: A piece has another hash than `pieces` says, also the second time.
            NetworkError: The file could not be fetched, or its content is wrong.
        """


class PackServer(Downloader, Protocol):
    """Where versions of packs come from: a repository, or an `.edgepack` file."""

    @property
    def url(self) -> str:
        """Its address."""

    @property
    def mirror_urls(self) -> tuple[str, ...]:
        """Other addresses of the same repository."""

    @property
    def received_bytes(self) -> int:
        """How many bytes it has sent."""

    def fetch_document(self, path: str, *, max_bytes: int) -> bytes:
        """Fetch a small file into memory; see `HttpServer.fetch_document`."""


class NotServedError(NetworkError):
    """The server does not have a file, or does not give it out: 403 or 404.

    S3 answers 403 for a missing object to whom may not list the bucket.
    """


class _PassingError(NetworkError):
    """A temporary failure; the request is retried.

    Attributes:
        wait_s: Seconds that the server asks to wait; 0 if it says nothing.
    """

    wait_s: float = 0.0


class _UnusablePartError(_PassingError):
    """The server does not send the rest of a file; the file is fetched anew."""


class HttpServer:
    """A published tree on a server. It implements `Downloader`."""

    def __init__(
        self,
        url: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        read_timeout_s: float = READ_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
        resolve: LookUp = look_up,
        chance: Callable[[], float] = random.random,
        bytes_per_s: float | None = None,
    ) -> None:
        """Prepare the connections to a server. No request is sent yet.

        Args:
            url: URL of the tree's root, from `server_address.tree_url`.
            sleep: Waits a number of seconds between attempts.
            read_timeout_s: Seconds without a byte, or with too few, after which an attempt fails.
            clock: Monotonic seconds.
            resolve: Resolves the host names of redirects.
            chance: Returns a random number from 0 to 1, for the jitter of pauses.
            bytes_per_s: Most bytes per second of blobs; None for no limit.
        """
        from urllib3 import PoolManager, ProxyManager, Timeout

        from edge_identify import __version__

        self.url = url
        self._sleep, self._clock, self._resolve = sleep, clock, resolve
        self._chance, self._rate = chance, RateLimit(bytes_per_s, sleep=sleep, clock=clock)
        self._read_timeout_s = read_timeout_s
        self._until_s = clock() + MAX_SYNC_S
        self.received_bytes = 0
        self.mirror_urls: tuple[str, ...] = ()
        headers = {"User-Agent": f"edge-identify/{__version__}"}
        connect_timeout_s = min(CONNECT_TIMEOUT_S, read_timeout_s)
        timeout = Timeout(connect=connect_timeout_s, read=read_timeout_s)
        head_within_s = read_timeout_s + _MORE_FOR_HEAD_S
        pools = timely_pools(head_within_s, None)

        def through(proxy: Proxy) -> ProxyManager:
            manager = ProxyManager(proxy.url, headers=headers, timeout=timeout, proxy_headers=proxy.headers)
            manager.pool_classes_by_scheme = pools
            return manager

        direct = PoolManager(headers=headers, timeout=timeout)
        direct.pool_classes_by_scheme = pools
        self._connections = ProxiedConnections(direct, through, os.environ)
        self._public_connections = guarded_connections(
            resolve=resolve,
            may_connect=is_public,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
            answer_within_s=head_within_s,
            connections_per_host=1,
            headers=headers,
            environment=os.environ,
        )

    def close(self) -> None:
        """Close the open connections."""
        self._connections.clear()
        self._public_connections.clear()

    def fetch_document(self, path: str, *, max_bytes: int) -> bytes:
        """Fetch a small file of the tree into memory.

        Args:
            path: Path relative to the tree's root.
            max_bytes: Maximum length.

        Returns:
            The file's bytes.

        Raises:
            NetworkError: The file could not be fetched, is too long, or is a web page.
        """
        until_s = self._clock() + MAX_DOCUMENT_S

        def read(response: BaseHTTPResponse, pace: Pace) -> bytes:
            data, before = bytearray(), self.received_bytes
            while chunk := response.read1(_CHUNK_BYTES):
                pace.add(len(chunk))
                self.received_bytes = before + response.tell()  # of the line: the body may be compressed
                self._check_time(path, until_s)
                data += chunk
                if len(data) > max_bytes:
                    raise NetworkError(
                        f"{self.url}/{path}: longer than the limit of {max_bytes} bytes; check the address"
                    )
            if not data:  # a head that is cut off before its length looks complete, and ends with no content
                raise _PassingError(f"{self.url}/{path}: nothing arrived; try again later")
            return bytes(data)

        return self._with_patience(path, read)

    def fetch_blob(
        self, entry: FileEntry, into: Path, on_bytes: Callable[[int], None], *, pieces: tuple[str, ...] = ()
    ) -> None:
        """Fetch one file of a pack; see `Downloader`."""
        partial = PartialFile(entry, into, pieces=pieces, url=f"{self.url}/{blob_path(entry.sha256)}")
        if partial.is_whole():
            on_bytes(entry.length_bytes)
            return
        partial.keep_right_pieces()

        def save(response: BaseHTTPResponse, pace: Pace) -> None:
            start = partial.arrived_bytes if response.status == _PARTIAL_CONTENT else 0
            try:
                with partial.arriving(start, etag=response.headers.get("ETag", "")) as append:
                    while chunk := response.read1(_CHUNK_BYTES):  # `stream` loses what it has not filled up
                        pace.add(len(chunk))
                        self.received_bytes += len(chunk)
                        self._check_time(entry.path, self._until_s)
                        on_bytes(append(chunk))
                        self._rate.add(len(chunk))
            except WrongPieceError as error:
                if error.is_repeated:
                    raise
                raise _PassingError(str(error)) from error
            except WrongContentError as error:
                if start:  # what was here before may be damaged: fetched anew once
                    raise _PassingError(str(error)) from error
                raise
            arrived = partial.arrived_bytes
            if arrived < entry.length_bytes:
                raise _PassingError(f"{entry.path}: ended after {arrived} of {entry.length_bytes} bytes; sync again")

        self._with_patience(blob_path(entry.sha256), save, partial)

    def _with_patience(self, path: str, consume: _Consume[_Result], partial: PartialFile | None = None) -> _Result:
        """Try until it works, or until several attempts in a row, or a minute, have come no further than before.

        What is fetched anew is no progress until it exceeds the first time, so a useless server is given up.
        """
        pauses, farthest = iter(PAUSES_S), 0 if partial is None else partial.arrived_bytes
        give_up_s = self._clock() + MAX_STALL_S
        while True:
            try:
                return self._once(path, consume, partial)
            except _PassingError as error:
                if partial is not None and partial.arrived_bytes - farthest >= _PROGRESS_BYTES:
                    pauses, farthest = iter(PAUSES_S), partial.arrived_bytes
                    give_up_s = self._clock() + MAX_STALL_S
                if partial is not None and isinstance(error, _UnusablePartError):
                    partial.discard()
                pause_s = next(pauses, None)
                if pause_s is None or self._clock() >= give_up_s:
                    raise
                if error.wait_s > MAX_STALL_S:
                    raise NetworkError(f"{error}; it asks to wait {error.wait_s:.0f} seconds") from error
                self._sleep(max(with_jitter(pause_s, self._chance), error.wait_s))

    def _check_time(self, what: str, until_s: float) -> None:
        if self._clock() > min(until_s, self._until_s):
            raise NetworkError(f"{self.url}: takes too long to send {what}; sync again later, or over a faster line")

    def _once(self, path: str, consume: _Consume[_Result], partial: PartialFile | None) -> _Result:
        from urllib3.exceptions import HTTPError

        url = f"{self.url}/{path}"
        try:
            with (
                closing(self._open(url, _SMALLER if partial is None else _asking_for_rest(partial))) as response,
                cut_off_if_slow(
                    _socket_of(response),
                    window_s=self._read_timeout_s,
                    least_bytes=int(LEAST_BYTES_PER_S * self._read_timeout_s),
                ) as pace,
            ):
                _check_answer(response, url, partial)
                result = consume(response, pace)
                if pace.is_cut:  # a body without a length looks complete
                    raise _PassingError(f"{url}: arrives too slowly; try again later")
                return result
        except PrivateAddressError as error:
            raise NetworkError(
                f"{url}: redirects from the internet into a private network ({error}), which is not followed; "
                "check the address"
            ) from error
        except HTTPError as error:
            raise self._explained(error, url) from error

    def _open(self, url: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        at, headers = url, {**self._connections.headers, **headers}
        connections = self._connections
        for _ in range(MAX_REDIRECTS + 1):
            response = connections.request(
                "GET", at, headers=headers, redirect=False, retries=False, preload_content=False
            )
            location = response.get_redirect_location()
            if not location:
                return response
            if self._is_on_the_internet(response, at):
                connections = self._public_connections  # for all further redirects, too
            response.close()
            at = redirect_target(at, location)
        raise NetworkError(f"{url}: redirects more than {MAX_REDIRECTS} times; check the address")

    def _is_on_the_internet(self, response: BaseHTTPResponse, url: str) -> bool:
        """Return whether a response came from a public address. A proxy's address says nothing of the server's."""
        if proxy_for(url, os.environ) is not None:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or 0
            return problem_before_proxy(host, port, resolve=self._resolve, may_connect=is_public) is None
        peer = getattr(response, "peer_address", None)  # set by `timely_pools`
        return peer is None or is_public(peer)

    def _explained(self, error: Exception, url: str) -> NetworkError:
        from urllib3 import exceptions

        host = urlsplit(url).netloc
        match error:
            case exceptions.ProxyError():
                return _PassingError(f"{proxy_problem(error, url, os.environ)}; check the proxy, or set no_proxy")
            case exceptions.NameResolutionError():
                return _PassingError(
                    f"no server named {host} was found; check the address and this device's connection"
                )
            case exceptions.SSLError():
                return NetworkError(f"{host}: no secure connection ({error}); check the server's certificate")
            case exceptions.ReadTimeoutError():
                return _PassingError(f"{url}: no answer within {self._read_timeout_s:g} seconds; try again later")
            case exceptions.NewConnectionError() | exceptions.ConnectTimeoutError():
                reason = getattr(error.__cause__, "strerror", None) or "no answer"
                return _PassingError(f"{host} cannot be reached ({reason}); check the address and that the server runs")
            case exceptions.ProtocolError():
                return _PassingError(f"{url}: the connection broke off ({_one_line(error)}); try again later")
            case _:
                return NetworkError(f"{url}: cannot be fetched ({_one_line(error)}); check the address")


def _socket_of(response: BaseHTTPResponse) -> socket.socket | None:
    return getattr(response, "connected_socket", None)  # set by `timely_pools`


def _asking_for_rest(partial: PartialFile) -> dict[str, str]:
    """Return the headers that ask for what is missing of a file; none if nothing has arrived."""
    if not partial.arrived_bytes:
        return {}
    etag = partial.etag()
    return {"Range": f"bytes={partial.arrived_bytes}-"} | ({"If-Range": etag} if etag else {})


def _is_the_rest(response: BaseHTTPResponse, partial: PartialFile) -> bool:
    """Return whether a 206 is exactly the rest of the file whose first part is here."""
    said = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if said is None or "Content-Encoding" in response.headers:
        return False
    length, etag = partial.length_bytes, partial.etag()
    is_same_file = not etag or response.headers.get("ETag", etag) == etag
    return (
        is_same_file
        and said[3] in ("*", str(length))
        and (int(said[1]), int(said[2]))
        == (
            partial.arrived_bytes,
            length - 1,
        )
    )


def _check_answer(response: BaseHTTPResponse, url: str, partial: PartialFile | None) -> None:
    """Raise `NetworkError` unless the response has status 200, or 206 for the rest of a file, and is not a web page."""
    status = response.status
    if partial is not None and partial.arrived_bytes and status in (_PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE):
        if status == _RANGE_NOT_SATISFIABLE or not _is_the_rest(response, partial):
            raise _UnusablePartError(f"{url}: the server did not send the rest of the file ({status}); sync again")
        status = _OK
    if status == 404:
        raise NotServedError(
            f"{url}: is not there (404); check the address, or publish again with `edge-serve publish`"
        )
    if status == 407:
        raise NetworkError(
            f"{url}: the proxy asks for a user name and a password (407); write http://USER:PASSWORD@HOST"
        )
    if status == 429 or status >= 500:
        trouble = _PassingError(f"{url}: the server has trouble ({status}); try again later")
        trouble.wait_s = retry_after_s(response.headers.get("Retry-After"), datetime.now(UTC)) or 0.0
        raise trouble
    if status == 403:
        raise NotServedError(f"{url}: the server refused (403); check the address and who may read it")
    if status != _OK:
        raise NetworkError(f"{url}: the server refused ({status}); check the address and who may read it")
    if response.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise NetworkError(
            f"{url}: answered with a web page, not a file of a pack; check the address, "
            "or sign in to this network first"
        )


def redirect_target(url: str, location: str) -> str:
    """Return the URL to which a redirect leads.

    Args:
        url: The URL of the request.
        location: The response's `Location`, absolute or relative.

    Raises:
        NetworkError: The target is not http or https, goes from https back to http, or is not a URL.
    """
    try:
        target = urljoin(url, location)
        parts = urlsplit(target)
        scheme, _ = parts.scheme, parts.port
    except ValueError as error:  # such as `http://[` or `http://example.org:99999`
        raise NetworkError(f"{url}: redirects to a malformed address ({error}); check the address") from error
    if scheme not in ("http", "https") or (scheme == "http" and url.startswith("https:")):
        raise NetworkError(f"{url}: redirects to {scheme}, which is not followed; check the address")
    return target


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
