"""A bucket, or a folder in it: read, write and replace objects, and sign URLs.

obstore speaks to S3, Google Cloud Storage and Azure (`edge_runtime.io.buckets`) and retries transient errors.

Trap: two publishers that overwrite the listing lose one of the two versions. So `replace` writes only if the object is
still the one that was read (conditional write).
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
from edge_identify.sync_server.publishing.changed_meanwhile import ChangedMeanwhileError

if TYPE_CHECKING:
    from obstore import PutMode, UpdateVersion

    from edge_identify.edge_runtime.pack.manifest import FileEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketObject:
    """An object that was read.

    Attributes:
        data: Its bytes.
        etag: Its ETag, for conditional writes on S3 and Azure; None if the server gives none.
        generation: Its generation, for conditional writes on Google Cloud Storage; None if the server gives none.
    """

    data: bytes
    etag: str | None
    generation: str | None

    @property
    def replaceable(self) -> PutMode:
        """The obstore mode to replace it: conditional, or `overwrite` if the server gives neither value."""
        known: UpdateVersion = {}
        if self.etag is not None:
            known["e_tag"] = self.etag
        if self.generation is not None:
            known["version"] = self.generation
        return known or "overwrite"


def count_nothing(_operation: str, _outcome: str) -> None:
    """Count an operation nowhere."""


class Bucket:
    """A bucket, or a folder in it. Thread-safe: obstore's client is, and nothing changes after construction.

    Every method raises `SetupError` or `NetworkError` if the bucket refuses or cannot be reached.
    """

    def __init__(
        self,
        address: str,
        *,
        endpoint: str | None = None,
        count: Callable[[str, str], None] = count_nothing,
        is_hasty: bool = False,
    ) -> None:
        """Take an address. No request is made yet.

        Args:
            address: Such as `s3://bucket/prefix`.
            endpoint: Endpoint of an S3-compatible server other than Amazon's, or None.
            count: Called with the operation (`get`, `head`, `put`, `sign`) and `success` or `failure`. A missing or
                changed object is a success.
            is_hasty: Whether requests time out after a few seconds, because a client waits.

        Raises:
            SetupError: The address is invalid, or obstore is not installed.
        """
        self._address, self._count = bucket_address(address, option="bucket"), count
        self._store = open_bucket(self._address, endpoint=endpoint, is_hasty=is_hasty)

    @property
    def address(self) -> str:
        """The address, such as `s3://bucket/prefix`, without a slash at its end."""
        return str(self._address)

    def length(self, path: str) -> int | None:
        """Return an object's length in bytes, or None if it is missing."""
        import obstore

        with self._request("head"):
            try:
                return int(obstore.head(self._store, path)["size"])
            except FileNotFoundError as error:
                if lacks_bucket(error):
                    raise
                return None

    def read(self, path: str, *, max_bytes: int) -> BucketObject | None:
        """Return an object, or None if it is missing. A larger one is cut to `max_bytes` + 1 bytes."""
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
        """Download an object to a file, and check its length and hash.

        Raises:
            PackDamagedError: The object is missing, or its length or hash differs.
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
                    f"{self.address}/{path}: differs from the manifest; delete it and publish the pack again"
                )

    def write(self, path: str, data: bytes | Path, *, content_type: str, cache_control: str) -> None:
        """Write an object atomically, and replace an existing one."""
        self._put(path, data, "overwrite", content_type, cache_control)

    def replace(
        self, path: str, data: bytes, known: BucketObject | None, *, content_type: str, cache_control: str
    ) -> None:
        """Replace the object `known`, or create the object if `known` is None.

        Raises:
            ChangedMeanwhileError: Another publisher has written it meanwhile.
        """
        self._put(path, data, "create" if known is None else known.replaceable, content_type, cache_control)

    def signed_url(self, path: str, *, valid_s: float) -> str:
        """Return a URL with which anybody can read the object for `valid_s` seconds."""
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
        """Count a request, and turn obstore's errors into ours."""
        outcome = "failure"
        try:
            yield
            outcome = "success"
        except ChangedMeanwhileError:
            outcome = "success"
            raise
        except BaseException as error:  # some obstore errors are not `Exception`
            if not is_of_bucket(error):
                raise
            raise explained(error, self._address, verb="used", to_do="do this") from error
        finally:
            self._count(operation, outcome)
