"""Fetching one picture, once: redirects followed and checked, the body capped and written to its place in the cache.

What a newcomer would get wrong: a 200 may be a sign-in page; a picture of 2 GB may say that it has 20 kB, or nothing;
a body without a length that breaks off looks complete; a server that sends a byte a second never times out.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edge_identify.datasets.sources.fetching.guarded_connections import guarded_connections
from edge_identify.datasets.sources.fetching.image_cache import CacheEntry, ImageCache
from edge_identify.datasets.sources.fetching.public_addresses import (
    LookUp,
    MayConnect,
    PrivateAddressError,
    is_public,
    look_up,
)
from edge_identify.edge_runtime.errors import NetworkError, PhotoError
from edge_identify.edge_runtime.io.durable_writes import replacing
from edge_identify.edge_runtime.photos.images import open_image
from edge_identify.edge_runtime.sync.http_download import redirect_target

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_CHUNK_BYTES = 1 << 16
_TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_NO_PICTURES = (
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
    """How much patience there is.

    Attributes:
        max_bytes: The largest picture.
        connect_timeout_s: For a connection.
        read_timeout_s: How long a server may say nothing.
        image_within_s: How long one picture may take in all, however busily it drips.
        max_redirects: Redirects in a row.
    """

    max_bytes: int = 64 * 2**20  # a 50 MP photo as PNG; in use are a hundredth of it
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 20.0
    image_within_s: float = 120.0
    max_redirects: int = 5


class TransientError(NetworkError):
    """A failure that may be gone in a moment.

    Attributes:
        retry_after_s: How long the server asked to be left alone, or None.
        is_unreachable: Whether no connection came about at all.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, is_unreachable: bool = False) -> None:
        """See the class."""
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.is_unreachable = is_unreachable


class ImageFetcher:
    """Fetches pictures into a cache; many threads may share it."""

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
        """Prepare; nothing is fetched yet.

        Args:
            cache: Takes the pictures.
            limits: How much patience there is.
            connections_per_host: How many are kept open.
            may_connect: Which addresses of the net may be asked.
            resolve: From a host's name to its addresses.
            clock: Seconds since 1970, for the entries of the cache.
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
        )

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._connections.clear()

    def fetch(self, address: str) -> None:
        """Bring the picture of an address into the cache, or find that the one there is still the server's.

        Raises:
            TransientError: It did not work this time.
            NetworkError: It will not work.
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
                response.drain_conn()  # at its end already: the connection can be used again
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
                f"{address}: the server has trouble ({status})", retry_after_s=_retry_after_s(response)
            )
        if status != 200:
            raise NetworkError(f"{address}: the server answered {status}{_MEANINGS.get(status, '')}")
        kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if kind.startswith(_NO_PICTURES):
            what = "a web page" if "html" in kind else kind
            raise NetworkError(f"{address}: answered with {what}, not a picture")
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
                    raise TransientError(f"{address}: not here after {self._limits.image_within_s:g} seconds")
                digest.update(chunk)
                file.write(chunk)
        if not length:
            self._cache.forget(address)
            raise TransientError(f"{address}: the answer is empty")
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
            raise TransientError(f"{address}: broke off, or is no picture that can be read") from error

    def _too_large(self, address: str) -> NetworkError:
        return NetworkError(
            f"{address}: larger than the {self._limits.max_bytes / 2**20:g} MiB that a picture may have"
        )


_MEANINGS = {401: ", it wants a password", 403: ", it refuses", 404: ", there is none", 410: ", there is none any more"}


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
        case exceptions.NameResolutionError():
            return TransientError(f"{address}: no server named {host} was found", is_unreachable=True)
        case exceptions.SSLError():
            return NetworkError(f"{address}: no secure connection ({_one_line(error)})")
        case exceptions.NewConnectionError() | exceptions.ConnectTimeoutError():
            reason = getattr(error.__cause__, "strerror", None) or "no answer"
            return TransientError(f"{address}: {host} cannot be reached ({reason})", is_unreachable=True)
        case exceptions.ReadTimeoutError():
            return TransientError(f"{address}: the server fell silent")
        case exceptions.ProtocolError():
            return TransientError(f"{address}: the connection broke off ({_one_line(error.args[0])})")
        case _:
            return NetworkError(f"{address}: cannot be fetched ({_one_line(error)})")


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:200]
