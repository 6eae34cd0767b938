"""A bucket, or a folder in it, as this room uses it: objects written and read, and their addresses signed.

obstore speaks to S3, Google and Azure (`edge_runtime.io.buckets`), and tries again by itself what fails in passing.

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
from typing import TYPE_CHECKING, Any

from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.io.buckets import bucket_address, explained, is_of_bucket, lacks_bucket, open_bucket
from edge_identify.edge_runtime.io.durable_writes import replacing

if TYPE_CHECKING:
    from obstore import PutMode, UpdateVersion

    from edge_identify.edge_runtime.pack.manifest import FileEntry


class ChangedMeanwhileError(Exception):
    """An object is not the one any more that was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketObject:
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


def count_nothing(_operation: str, _outcome: str) -> None:
    """Count an operation nowhere."""


class Bucket:
    """A bucket, or a folder in it.

    Threads may share it: obstore's client is made to serve several at once, and it is never changed.
    """

    def __init__(
        self,
        address: str,
        *,
        endpoint: str | None = None,
        count: Callable[[str, str], None] = count_nothing,
        is_hasty: bool = False,
    ) -> None:
        """Open it; nothing is asked yet.

        Args:
            address: Such as `s3://bucket/prefix`.
            endpoint: Of a server that speaks S3 and is not Amazon's; None for none.
            count: Called with the operation (`get`, `head`, `put`, `sign`) and `success` or `failure`. That an object
                is not there, or has changed, is no failure.
            is_hasty: Whether it is given up after a few seconds, because somebody waits.

        Raises:
            SetupError: It is no such address, or obstore is not installed.
        """
        self._address, self._count = bucket_address(address, option="bucket"), count
        self._store = open_bucket(self._address, endpoint=endpoint, is_hasty=is_hasty)

    @property
    def address(self) -> str:
        """Such as `s3://bucket/prefix`, without a slash at its end."""
        return str(self._address)

    def length(self, path: str) -> int | None:
        """Return an object's length in bytes; None where there is none."""
        import obstore

        with self._request("head"):
            try:
                return int(obstore.head(self._store, path)["size"])
            except FileNotFoundError as error:
                if lacks_bucket(error):
                    raise
                return None

    def read(self, path: str, *, max_bytes: int) -> BucketObject | None:
        """Return an object, of a larger one the beginning: one byte more than `max_bytes`; None where there is none."""
        import obstore

        with self._request("get"):
            try:
                result = obstore.get(self._store, path)
                data = b""
                for chunk in result.stream():
                    data += bytes(chunk)[: max_bytes + 1 - len(data)]
                    if len(data) > max_bytes:
                        break
                return BucketObject(data=data, etag=result.meta["e_tag"], generation=result.meta["version"])
            except FileNotFoundError as error:
                if lacks_bucket(error):
                    raise
                return None

    def fetch(self, path: str, target: Path, expected: FileEntry) -> None:
        """Write an object to a file, if it is what it should be.

        Raises:
            PackDamagedError: It is missing, or has other bytes.
        """
        import obstore

        digest, length = hashlib.sha256(), 0
        with self._request("get"), replacing(target) as file:
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

    def replace(
        self, path: str, data: bytes, known: BucketObject | None, *, content_type: str, cache_control: str
    ) -> None:
        """Write an object in place of the one that was read, or as a new one.

        Raises:
            ChangedMeanwhileError: Somebody else has written it.
        """
        self._put(path, data, "create" if known is None else known.replaceable, content_type, cache_control)

    def signed_url(self, path: str, *, valid_s: float) -> str:
        """Return an address under which anybody may read an object for a while."""
        import obstore

        with self._request("sign"):
            return str(obstore.sign(self._store, "GET", path, timedelta(seconds=valid_s)))

    def _put(self, path: str, data: bytes | Path, mode: PutMode, content_type: str, cache_control: str) -> None:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        attributes: Any = {"Content-Type": content_type, "Cache-Control": cache_control}
        with self._request("put"):
            try:
                obstore.put(self._store, path, data, mode=mode, attributes=attributes)
            except (AlreadyExistsError, PreconditionError, FileExistsError) as error:
                raise ChangedMeanwhileError(path) from error

    @contextmanager
    def _request(self, operation: str) -> Iterator[None]:
        """Count an operation, and explain its errors."""
        outcome = "failure"
        try:
            yield
            outcome = "success"
        except ChangedMeanwhileError:
            outcome = "success"
            raise
        except BaseException as error:  # some of obstore's are no `Exception`
            if not is_of_bucket(error):
                raise
            raise explained(error, self._address, verb="used", to_do="do this") from error
        finally:
            self._count(operation, outcome)
