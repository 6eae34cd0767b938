"""Downloads from a published tree over HTTP, with urllib3: limited in length, hashed on arrival, and retried.

Trap: a response with status 200 may be a hotel's sign-in page or a truncated file, and a redirect may lead to another
protocol. So every body has a length limit and every file a hash. Temporary failures (a broken connection, a server
that restarts) are retried.

A file of a pack arrives in pieces if it must: each attempt asks for what is missing (RFC 9110, section 14). An attempt
that brought something is followed by another one, however often the connection breaks off.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

from edge_identify.edge_runtime.errors import NetworkError
from edge_identify.edge_runtime.io.proxies import ProxiedConnections, proxy_problem
from edge_identify.edge_runtime.pack.manifest import FileEntry
from edge_identify.edge_runtime.sync.listing import blob_path
from edge_identify.edge_runtime.sync.partial_file import PartialFile, WrongContentError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

PAUSES_S = (0.5, 1.0, 2.0)  # between attempts: long enough for a server's restart, short enough for a person to wait
CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 30.0  # without a single byte; a slow connection that still delivers is never cut
MAX_REDIRECTS = 5
_CHUNK_BYTES = 1 << 16
_PROGRESS_BYTES = 1 << 16  # an attempt that brought less counts as failed
_OK, _PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE = 200, 206, 416

_Result = TypeVar("_Result")


class Downloader(Protocol):
    """Fetches files of a pack by their SHA-256."""

    def fetch_blob(self, entry: FileEntry, into: Path, on_bytes: Callable[[int], None]) -> None:
        """Fetch one file. It appears at `into` only if its length and hash are right.

        Args:
            entry: The file: its hash, its length, and its path for messages.
            into: The target path; its folder must exist. Bytes that an earlier attempt left beside it are kept.
            on_bytes: Called several times with the number of bytes of this file that have arrived.

        Raises:
            NetworkError: The file could not be fetched, or its content is wrong.
        """


class _PassingError(NetworkError):
    """A temporary failure; the request is retried."""


class _UnusablePartError(_PassingError):
    """The server does not send the rest of a file; the file is fetched anew."""


class HttpServer:
    """A published tree on a server. It implements `Downloader`."""

    def __init__(
        self, url: str, *, sleep: Callable[[float], None] = time.sleep, read_timeout_s: float = READ_TIMEOUT_S
    ) -> None:
        """Prepare the connections to a server. No request is sent yet.

        Args:
            url: URL of the tree's root, from `server_address.tree_url`.
            sleep: Waits a number of seconds between attempts.
            read_timeout_s: Seconds without a byte after which an attempt fails.
        """
        from urllib3 import PoolManager, ProxyManager, Timeout

        from edge_identify import __version__

        self.url = url
        self._sleep = sleep
        self._read_timeout_s = read_timeout_s
        headers = {"User-Agent": f"edge-identify/{__version__}"}
        timeout = Timeout(connect=min(CONNECT_TIMEOUT_S, read_timeout_s), read=read_timeout_s)
        self._connections = ProxiedConnections(
            PoolManager(headers=headers, timeout=timeout),
            lambda proxy: ProxyManager(proxy.url, headers=headers, timeout=timeout, proxy_headers=proxy.headers),
            os.environ,
        )

    def close(self) -> None:
        """Close the open connections."""
        self._connections.clear()

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

        def read(response: BaseHTTPResponse) -> bytes:
            data = bytearray()
            for chunk in response.stream(_CHUNK_BYTES):
                data += chunk
                if len(data) > max_bytes:
                    raise NetworkError(
                        f"{self.url}/{path}: longer than the limit of {max_bytes} bytes; check the address"
                    )
            return bytes(data)

        return self._with_patience(path, read)

    def fetch_blob(self, entry: FileEntry, into: Path, on_bytes: Callable[[int], None]) -> None:
        """Fetch one file of a pack; see `Downloader`."""
        partial = PartialFile(entry, into)
        if partial.is_whole():
            on_bytes(entry.length_bytes)
            return

        def save(response: BaseHTTPResponse) -> None:
            start = partial.arrived_bytes if response.status == _PARTIAL_CONTENT else 0
            try:
                with partial.arriving(start) as append:
                    while chunk := response.read1(_CHUNK_BYTES):  # `stream` loses what it has not filled up
                        on_bytes(append(chunk))
            except WrongContentError as error:
                if start:  # what was here before may be damaged: fetched anew once
                    raise _PassingError(str(error)) from error
                raise
            arrived = partial.arrived_bytes
            if arrived < entry.length_bytes:
                raise _PassingError(f"{entry.path}: ended after {arrived} of {entry.length_bytes} bytes; sync again")

        self._with_patience(blob_path(entry.sha256), save, partial)

    def _with_patience(
        self, path: str, consume: Callable[[BaseHTTPResponse], _Result], partial: PartialFile | None = None
    ) -> _Result:
        """Try until it works, or until several attempts in a row have come no further than the ones before.

        What is fetched anew is no progress until it exceeds the first time, so a useless server is given up.
        """
        pauses, farthest = iter(PAUSES_S), 0 if partial is None else partial.arrived_bytes
        while True:
            start = 0 if partial is None else partial.arrived_bytes
            try:
                return self._once(path, consume, start)
            except _PassingError as error:
                if partial is not None and partial.arrived_bytes - farthest >= _PROGRESS_BYTES:
                    pauses, farthest = iter(PAUSES_S), partial.arrived_bytes
                if partial is not None and isinstance(error, _UnusablePartError):
                    partial.discard()
                pause_s = next(pauses, None)
                if pause_s is None:
                    raise
                self._sleep(pause_s)

    def _once(self, path: str, consume: Callable[[BaseHTTPResponse], _Result], start: int) -> _Result:
        from urllib3.exceptions import HTTPError

        url = f"{self.url}/{path}"
        try:
            with closing(self._open(url, {"Range": f"bytes={start}-"} if start else {})) as response:
                _check_answer(response, url, start)
                return consume(response)
        except HTTPError as error:
            raise self._explained(error, url) from error

    def _open(self, url: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        at, headers = url, {**self._connections.headers, **headers}
        for _ in range(MAX_REDIRECTS + 1):
            response = self._connections.request(
                "GET", at, headers=headers, redirect=False, retries=False, preload_content=False
            )
            location = response.get_redirect_location()
            if not location:
                return response
            response.close()
            at = redirect_target(at, location)
        raise NetworkError(f"{url}: redirects more than {MAX_REDIRECTS} times; check the address")

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


def _check_answer(response: BaseHTTPResponse, url: str, start: int) -> None:
    """Raise `NetworkError` unless the response has status 200, or 206 for the rest of a file, and is not a web page."""
    status = response.status
    if start and status in (_PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE):
        said = response.headers.get("Content-Range", "")
        if status == _RANGE_NOT_SATISFIABLE or not said.startswith(f"bytes {start}-"):
            raise _UnusablePartError(f"{url}: the server did not send the rest of the file ({status}); sync again")
        status = _OK
    if status == 404:
        raise NetworkError(f"{url}: is not there (404); check the address, or publish again with `edge-serve publish`")
    if status == 407:
        raise NetworkError(
            f"{url}: the proxy asks for a user name and a password (407); write http://USER:PASSWORD@HOST"
        )
    if status == 429 or status >= 500:
        raise _PassingError(f"{url}: the server has trouble ({status}); try again later")
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
        scheme = urlsplit(target).scheme
    except ValueError as error:  # such as `http://[`
        raise NetworkError(f"{url}: redirects to a malformed address ({error}); check the address") from error
    if scheme not in ("http", "https") or (scheme == "http" and url.startswith("https:")):
        raise NetworkError(f"{url}: redirects to {scheme}, which is not followed; check the address")
    return target


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
