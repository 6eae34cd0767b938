"""A bucket, or a folder in it, as this room uses it: objects written and read, and their addresses signed.

obstore speaks to S3, Google and Azure; it is loaded when a bucket is opened, and tries again by itself what fails in
passing. Credentials and region come from the environment (`AWS_ACCESS_KEY_ID` ...) or from the machine's role.

A newcomer would overwrite the listing: of two who publish at once, the second wipes out what the first has listed. Here
an object that was read is only replaced as long as it is the one that was read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from edge_identify.edge_runtime.durable import replacing
from edge_identify.edge_runtime.errors import NetworkError, PackDamagedError, SetupError

if TYPE_CHECKING:
    from obstore import PutMode, UpdateVersion
    from obstore.store import AzureStore, GCSStore, S3Store

    from edge_identify.edge_runtime.pack.manifest import FileEntry

SCHEMES = ("s3", "gs", "az")

_RETRIES = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}


class ChangedMeanwhileError(Exception):
    """An object is not the one any more that was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An object that was read.

    Attributes:
        data: Its bytes.
        etag: What S3 and Azure tell it from its successors by; None where the server says none.
        generation: The same of Google.
    """

    data: bytes
    etag: str | None
    generation: str | None

    @property
    def replaceable(self) -> PutMode:
        """How it is replaced as long as it is there: unasked where the server says nothing to tell it by."""
        known: UpdateVersion = {}
        if self.etag is not None:
            known["e_tag"] = self.etag
        if self.generation is not None:
            known["version"] = self.generation
        return known or "overwrite"


def _count_nothing(_operation: str, _outcome: str) -> None:
    pass


class Bucket:
    """A bucket, or a folder in it."""

    def __init__(
        self, address: str, *, endpoint: str | None = None, count: Callable[[str, str], None] = _count_nothing
    ) -> None:
        """Open it; nothing is asked yet.

        Args:
            address: Such as `s3://bucket/prefix`.
            endpoint: Of a server that speaks S3 and is not Amazon's; None for none.
            count: Called with the operation (`get`, `head`, `put`, `sign`) and `success` or `failure`. That an object
                is not there, or has changed, is no failure.

        Raises:
            SetupError: It is no such address, or obstore is not installed.
        """
        self.address, self._count = address.rstrip("/"), count
        self._store = _opened(address, endpoint)

    @property
    def name(self) -> str:
        """The bucket's name."""
        return urlsplit(self.address).netloc

    @property
    def prefix(self) -> str:
        """The folder in the bucket, without slashes around it; empty for none."""
        return urlsplit(self.address).path.strip("/")

    def length(self, path: str) -> int | None:
        """Return an object's length in bytes; None where there is none."""
        import obstore

        with self._asking("head"):
            try:
                return int(obstore.head(self._store, path)["size"])
            except FileNotFoundError as error:
                if _lacks_bucket(error):
                    raise
                return None

    def read(self, path: str, *, max_bytes: int) -> Found | None:
        """Return an object, of a larger one the beginning: one byte more than `max_bytes`; None where there is none."""
        import obstore

        with self._asking("get"):
            try:
                result = obstore.get(self._store, path)
                data = b""
                for chunk in result.stream():
                    data += bytes(chunk)[: max_bytes + 1 - len(data)]
                    if len(data) > max_bytes:
                        break
                return Found(data=data, etag=result.meta["e_tag"], generation=result.meta["version"])
            except FileNotFoundError as error:
                if _lacks_bucket(error):
                    raise
                return None

    def fetch(self, path: str, target: Path, expected: FileEntry) -> None:
        """Write an object to a file, if it is what it should be.

        Raises:
            PackDamagedError: It is missing, or has other bytes.
        """
        import obstore

        digest, length = hashlib.sha256(), 0
        with self._asking("get"), replacing(target) as file:
            try:
                chunks = obstore.get(self._store, path).stream()
            except FileNotFoundError as error:
                raise PackDamagedError(f"{self.address}/{path}: is missing; publish the pack again") from error
            for chunk in chunks:
                length += len(chunk)
                if length > expected.length_bytes:
                    break
                digest.update(chunk)
                file.write(chunk)
            if length != expected.length_bytes or digest.hexdigest() != expected.sha256:
                raise PackDamagedError(
                    f"{self.address}/{path}: is not what the manifest says; delete it and publish the pack again"
                )

    def write(self, path: str, data: bytes | Path, *, content_type: str, cache_control: str) -> None:
        """Write an object, in place of what is there; a reader never sees half of it."""
        self._put(path, data, "overwrite", content_type, cache_control)

    def replace(self, path: str, data: bytes, known: Found | None, *, content_type: str, cache_control: str) -> None:
        """Write an object in place of the one that was read, or as a new one.

        Raises:
            ChangedMeanwhileError: Somebody else has written it.
        """
        self._put(path, data, "create" if known is None else known.replaceable, content_type, cache_control)

    def signed_url(self, path: str, *, valid_s: float) -> str:
        """Return an address under which anybody may read an object for a while."""
        import obstore

        with self._asking("sign"):
            return str(obstore.sign(self._store, "GET", path, timedelta(seconds=valid_s)))

    def _put(self, path: str, data: bytes | Path, mode: PutMode, content_type: str, cache_control: str) -> None:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        attributes: Any = {"Content-Type": content_type, "Cache-Control": cache_control}
        with self._asking("put"):
            try:
                obstore.put(self._store, path, data, mode=mode, attributes=attributes)
            except (AlreadyExistsError, PreconditionError, FileExistsError) as error:
                raise ChangedMeanwhileError(path) from error

    @contextmanager
    def _asking(self, operation: str) -> Iterator[None]:
        """Count an operation, and explain its errors."""
        from obstore.exceptions import BaseError

        outcome = "failure"
        try:
            yield
            outcome = "success"
        except ChangedMeanwhileError:
            outcome = "success"
            raise
        except (BaseError, OSError) as error:
            self._explain(error)
        finally:
            self._count(operation, outcome)

    def _explain(self, error: Exception) -> NoReturn:
        from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

        if isinstance(error, OSError) and error.errno is not None:  # this machine's disk; obstore's have no number
            raise error
        text = str(error)
        if _lacks_bucket(error):
            raise SetupError(f"{self.address}: there is no bucket {self.name!r}; check its name") from error
        # Without credentials in the environment the machine's role is asked for some, under this path.
        is_refusal = isinstance(error, PermissionError | PermissionDeniedError | UnauthenticatedError)
        if is_refusal or "/latest/api/token" in text or "403 Forbidden" in text:
            raise SetupError(
                f"{self.address}: the server refuses the credentials, or there are none; set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY (of Google and Azure what their tools read) to ones that may do this"
            ) from error
        raise NetworkError(f"{self.address}: the bucket cannot be used ({_one_line(text)})") from error


def check_address(address: str, *, option: str) -> None:
    """Refuse what is no bucket's address.

    Raises:
        SetupError: It is none.
    """
    parts = urlsplit(address)
    if parts.scheme not in SCHEMES or not parts.netloc or parts.query or parts.fragment:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise SetupError(f"{option}: {address!r} is no bucket; write s3://BUCKET/PREFIX (known are {known})")


def _opened(address: str, endpoint: str | None) -> AzureStore | GCSStore | S3Store:
    check_address(address, option="bucket")
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError as error:
        raise SetupError(f"{address}: needs obstore; pip install 'edge-identify[buckets]'") from error
    settings: dict[str, Any] = {}
    if endpoint:
        settings |= {"endpoint": endpoint, "client_options": {"allow_http": endpoint.startswith("http:")}}
    if address.startswith("s3:"):
        settings["checksum_algorithm"] = "sha256"  # the server then refuses what was damaged on its way
    try:
        return from_url(address, retry_config=_RETRIES, **settings)  # type: ignore[call-overload, no-any-return]
    except (BaseError, ValueError) as error:
        raise SetupError(f"{address}: is not a bucket that can be opened ({_one_line(str(error))})") from error


def _lacks_bucket(error: Exception) -> bool:
    return "NoSuchBucket" in str(error)


def _one_line(text: str) -> str:
    return " ".join(text.partition("Debug source")[0].split())[:300]
