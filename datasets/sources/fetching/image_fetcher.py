"""Fetch one image once: follow and check redirects, limit the body, write it to the cache.

Checks against misbehaving servers: a 200 response may be a sign-in page; a body may be larger than its declared length
or have none; a body without a length that is cut off looks complete, so it is decoded; a server that sends one byte a
second never times out, so there is a limit for the whole image.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edge_identify import __version__
from edge_identify.datasets.sources.fetching.image_cache import CacheEntry, ImageCache
from edge_identify.edge_runtime.errors import NetworkError, PhotoError
from edge_identify.edge_runtime.io.durable_writes import replacing
from edge_identify.edge_runtime.io.guarded_connections import guarded_connections
from edge_identify.edge_runtime.io.proxies import proxy_problem
from edge_identify.edge_runtime.io.public_addresses import (
    LookUp,
    MayConnect,
    PrivateAddressError,
    is_public,
    look_up,
)
from edge_identify.edge_runtime.photos.images import open_image
from edge_identify.edge_runtime.sync.http_download import redirect_target

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_HEADERS = {"User-Agent": f"edge-identify/{__version__}", "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}
_CHUNK_BYTES = 1 << 16
_TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_NOT_IMAGES = (
    "text/",
    "application/json",
    "application/xml",
    "application/xhtml",
    "application/pdf",
    "video/",
    "audio/",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """Limits for fetching one image.

    Attributes:
        max_bytes: Largest image.
        connect_timeout_s: Timeout of a connection.
        read_timeout_s: Longest silence of a server.
        image_within_s: Longest total time, even if data keeps arriving.
        max_redirects: Maximum number of redirects.
    """

    max_bytes: int = 64 * 2**20  # a 50 MP photo as PNG; typical images are 100 times smaller
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 20.0
    image_within_s: float = 120.0
    max_redirects: int = 5


class TransientError(NetworkError):
    """A failure that may succeed on retry.

    Attributes:
        retry_after_s: The server's `Retry-After` in seconds, or None.
        is_unreachable: Whether there was no connection.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, is_unreachable: bool = False) -> None:
        """See the class."""
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.is_unreachable = is_unreachable


class ImageFetcher:
    """Fetches images into a cache. Thread-safe."""

    def __init__(
        self,
        cache: ImageCache,
        limits: FetchLimits,
        *,
        connections_per_host: int,
        may_connect: MayConnect = is_public,
        resolve: LookUp = look_up,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make the connection pools. No request is made yet.

        Args:
            cache: Stores the images.
            limits: Limits for each image.
            connections_per_host: Number of connections to keep open for each host.
            may_connect: Says which IP addresses may be connected to.
            resolve: Resolves host names.
            clock: Unix time in seconds, for cache entries.
        """
        self._cache = cache
        self._limits = limits
        self._clock = clock
        self._connections = guarded_connections(
            resolve=resolve,
            may_connect=may_connect,
            connect_timeout_s=limits.connect_timeout_s,
            read_timeout_s=limits.read_timeout_s,
            answer_within_s=limits.image_within_s,
            connections_per_host=connections_per_host,
            headers=_HEADERS,
            environment=os.environ,
        )

    def close(self) -> None:
        """Close the open connections."""
        self._connections.clear()

    def fetch(self, address: str) -> None:
        """Fetch the image of a URL into the cache, or confirm that the cached one is current.

        Raises:
            TransientError: It failed; a retry may succeed.
            NetworkError: It failed; a retry will fail too.
            OSError: The cache cannot be written.
        """
        from urllib3.exceptions import HTTPError

        until = time.monotonic() + self._limits.image_within_s
        known = self._cache.entry(address)
        try:
            with closing(self._open(address, known)) as response:
                if response.status == 304 and known is not None:
                    self._cache.keep(replace(known, fetched_s=self._clock()))
                    return
                self._check_answer(response, address)
                self._keep(address, response, until)
                response.drain_conn()  # the body is at its end: the connection can be reused
                response.release_conn()
        except PrivateAddressError as error:
            raise PrivateAddressError(f"{address}: {error}") from error
        except HTTPError as error:
            raise _explained(error, address) from error

    def _open(self, address: str, known: CacheEntry | None) -> BaseHTTPResponse:
        at = address
        headers = {**self._connections.headers, **_validators(known)}
        for _ in range(self._limits.max_redirects + 1):
            response = self._connections.request(
                "GET", at, headers=headers, redirect=False, retries=False, preload_content=False
            )
            location = response.get_redirect_location()
            if not location:
                return response
            response.close()
            at = redirect_target(at, location)
        raise NetworkError(f"{address}: redirects more than {self._limits.max_redirects} times")

    def _check_answer(self, response: BaseHTTPResponse, address: str) -> None:
        status = response.status
        if status in _TRANSIENT_STATUSES:
            raise TransientError(
                f"{address}: temporary server error ({status})", retry_after_s=_retry_after_s(response)
            )
        if status != 200:
            raise NetworkError(f"{address}: the server answered {status}{_MEANINGS.get(status, '')}")
        kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if kind.startswith(_NOT_IMAGES):
            what = "a web page" if "html" in kind else kind
            raise NetworkError(f"{address}: the response is {what}, not an image")
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > self._limits.max_bytes:
            raise self._too_large(address)

    def _keep(self, address: str, response: BaseHTTPResponse, until: float) -> None:
        path = self._cache.prepare(address)
        digest, length = hashlib.sha256(), 0
        with replacing(path) as file:
            while chunk := response.read1(_CHUNK_BYTES, decode_content=True):
                length += len(chunk)
                if length > self._limits.max_bytes:
                    raise self._too_large(address)
                if time.monotonic() > until:
                    raise TransientError(f"{address}: not complete after {self._limits.image_within_s:g} seconds")
                digest.update(chunk)
                file.write(chunk)
        if not length:
            self._cache.forget(address)
            raise TransientError(f"{address}: the response is empty")
        if not _says_its_length(response):
            self._refuse_cut_short(address)
        entry = CacheEntry(
            address=address,
            sha256=digest.hexdigest(),
            fetched_s=self._clock(),
            etag=response.headers.get("ETag"),
            last_modified=response.headers.get("Last-Modified"),
        )
        self._cache.keep(entry)

    def _refuse_cut_short(self, address: str) -> None:
        try:
            open_image(self._cache.path(address))
        except PhotoError as error:
            self._cache.forget(address)
            raise TransientError(f"{address}: incomplete, or not a readable image") from error

    def _too_large(self, address: str) -> NetworkError:
        return NetworkError(f"{address}: larger than the limit of {self._limits.max_bytes / 2**20:g} MiB")


_MEANINGS = {
    401: " (password required)",
    403: " (forbidden)",
    404: " (not found)",
    407: " (the proxy asks for a password)",
    410: " (gone)",
}


def _validators(known: CacheEntry | None) -> dict[str, str]:
    if known is None:
        return {}
    etag = {"If-None-Match": known.etag} if known.etag else {}
    return etag | ({"If-Modified-Since": known.last_modified} if known.last_modified else {})


def _says_its_length(response: BaseHTTPResponse) -> bool:
    is_chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    return is_chunked or "Content-Length" in response.headers


def _retry_after_s(response: BaseHTTPResponse) -> float | None:
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    text = response.headers.get("Retry-After")
    try:
        return None if text is None else float(Retry().parse_retry_after(text))
    except (InvalidHeader, OverflowError, ValueError):
        return None


def _explained(error: Exception, address: str) -> NetworkError:
    from urllib3 import exceptions

    host = urlsplit(address).netloc
    match error:
        case exceptions.ProxyError():
            return TransientError(f"{address}: {proxy_problem(error, address, os.environ)}", is_unreachable=True)
        case exceptions.NameResolutionError():
            return TransientError(f"{address}: the host name {host} cannot be resolved", is_unreachable=True)
        case exceptions.SSLError():
            return NetworkError(f"{address}: no secure connection ({_one_line(error)})")
        case exceptions.NewConnectionError() | exceptions.ConnectTimeoutError():
            reason = getattr(error.__cause__, "strerror", None) or "no answer"
            return TransientError(f"{address}: {host} cannot be reached ({reason})", is_unreachable=True)
        case exceptions.ReadTimeoutError():
            return TransientError(f"{address}: the server stopped sending")
        case exceptions.ProtocolError():
            return TransientError(f"{address}: the connection was lost ({_one_line(error.args[0])})")
        case _:
            return NetworkError(f"{address}: cannot be fetched ({_one_line(error)})")


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:200]
