"""`s3://bucket/prefix`, and `gs://` and `az://`: each image in a bucket is a reference, its folder the namespace.

It uses obstore: one wheel without dependencies that supports all three, lists in pages and retries by itself. s3fs
would need botocore, aiohttp and a package for each other cloud.

A bucket may change between listing and reading: a missing object is a skipped image. An object whose ETag is in the
cache is not read again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from edge_identify.datasets.sources.fetching.image_cache import CacheEntry, ImageCache
from edge_identify.datasets.sources.rows.described_images import IMAGE_URL
from edge_identify.datasets.sources.source import SourceImage
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.buckets import BucketAddress, explained, is_of_bucket, one_line, open_bucket
from edge_identify.edge_runtime.io.durable_writes import replacing
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.photos.images import SUFFIXES

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

S3_PATH = "s3_path"  # attribute with the image's object address in S3

_WORKERS = 16  # concurrent requests; a bucket accepts thousands
_MAX_BYTES = 64 * 2**20
_PAGE = 1000  # the most that S3 returns
_MAX_OBJECTS = 50_000_000
_PUBLIC_HOSTS = {"s3": "https://{bucket}.s3.amazonaws.com", "gs": "https://storage.googleapis.com/{bucket}"}


@dataclass(frozen=True, slots=True)
class BucketImages:
    """The images of a bucket, or of a folder in it.

    The id is the path below the prefix without its suffix. The namespace is that path's folder. Attributes:
    `image_url` is the object's public URL, even if the bucket is private; `s3_path` is its address, `s3://...`.

    Attributes:
        address: The bucket or the folder in it.
        cache: Where fetched images go.
        endpoint: Endpoint of an S3-compatible server other than Amazon's, or None.
        is_anonymous: Whether requests are unsigned, for public buckets.
        progress: Wraps the iteration over the objects.
    """

    address: BucketAddress
    cache: ImageCache
    endpoint: str | None = None
    is_anonymous: bool = False
    progress: Callable[[Any], Iterable[Any]] = iter

    def images(self) -> Iterator[SourceImage]:
        """Fetch the images and yield them, sorted by key, without hidden ones.

        Raises:
            SetupError: The bucket is missing, cannot be read or has no images, two images have the same id, or
                obstore is not installed.
            NetworkError: The server cannot be reached.
        """
        store = open_bucket(self.address, endpoint=self.endpoint, is_anonymous=self.is_anonymous)
        objects = self._list(store)
        _refuse_shared_ids(str(self.address), [meta["path"] for meta in objects])
        problems = self._read(store, objects)
        for meta in objects:
            yield self._image(meta["path"], problems.get(meta["path"]))

    def _list(self, store: ObjectStore) -> list[ObjectMeta]:
        import obstore

        found: list[ObjectMeta] = []
        try:
            for page in obstore.list(store, chunk_size=_PAGE):
                found.extend(meta for meta in page if _is_image(meta["path"]))
                if len(found) > _MAX_OBJECTS:
                    raise SetupError(f"{self.address}: more than {_MAX_OBJECTS} images; give a prefix")
        except BaseException as error:  # some obstore errors are not `Exception`
            if not is_of_bucket(error):
                raise
            to_do = "list and read, or pass --anonymous for a public bucket"
            raise explained(error, self.address, verb="listed", to_do=to_do) from error
        if not found:
            raise SetupError(f"{self.address}: contains no image; the known suffixes are {' '.join(sorted(SUFFIXES))}")
        return sorted(found, key=lambda meta: meta["path"])

    def _read(self, store: ObjectStore, objects: list[ObjectMeta]) -> Mapping[str, str]:
        """Fetch the objects into the cache; return the errors by key."""
        problems: dict[str, str] = {}
        pool = ThreadPoolExecutor(_WORKERS)
        try:
            reading = {pool.submit(self._read_one, store, meta): meta["path"] for meta in objects}
            for done in self.progress(_Counted(len(objects), as_completed(reading))):
                if (problem := done.result()) is not None:
                    problems[reading[done]] = problem
        finally:
            pool.shutdown(cancel_futures=True)
        return problems

    def _read_one(self, store: ObjectStore, meta: ObjectMeta) -> str | None:
        import obstore

        key, shown = meta["path"], self._object_address(meta["path"])
        if meta["size"] > _MAX_BYTES:
            return f"{shown}: {meta['size'] / 2**20:.0f} MiB; the limit is {_MAX_BYTES // 2**20} MiB"
        url = self._public_url(key)
        known = self.cache.entry(url)
        if known is not None and known.etag is not None and known.etag == meta["e_tag"]:
            return None
        try:
            result = obstore.get(store, key)
            self._keep(url, result)
        except _TooLargeError:
            return f"{shown}: larger than the limit of {_MAX_BYTES // 2**20} MiB"
        except (FileNotFoundError, obstore.exceptions.NotFoundError):
            return f"{shown}: was deleted after the bucket was listed"
        except obstore.exceptions.BaseError as error:
            return f"{shown}: cannot be read ({one_line(error)})"
        except PermissionError as error:
            return f"{shown}: permission denied ({one_line(error)})"
        return None

    def _keep(self, url: str, result: Any) -> None:
        digest, length = hashlib.sha256(), 0
        with replacing(self.cache.prepare(url)) as file:
            for chunk in result.stream():
                length += len(chunk)
                if length > _MAX_BYTES:
                    raise _TooLargeError
                digest.update(chunk)
                file.write(chunk)
        etag = result.meta["e_tag"]
        self.cache.keep(CacheEntry(address=url, sha256=digest.hexdigest(), fetched_s=time.time(), etag=etag))

    def _image(self, key: str, problem: str | None) -> SourceImage:
        path = PurePosixPath(key)
        attributes = {IMAGE_URL: self._public_url(key)} if self._has_public_url else {}
        if self.address.scheme == "s3":
            attributes[S3_PATH] = self._object_address(key)
        folder = path.parent.as_posix()
        reference = Reference(
            id=path.with_suffix("").as_posix(),
            name=path.stem,
            namespace="" if folder == "." else folder,
            attributes=attributes,
        )
        return SourceImage(
            path=self.cache.path(self._public_url(key)),
            reference=reference,
            origin=self._object_address(key),
            problem=problem,
            source_path=key,
        )

    def _whole_key(self, key: str) -> str:
        return f"{self.address.prefix}/{key}" if self.address.prefix else key

    def _object_address(self, key: str) -> str:
        return f"{self.address.scheme}://{self.address.bucket}/{self._whole_key(key)}"

    @property
    def _has_public_url(self) -> bool:
        return bool(self.endpoint) or self.address.scheme in _PUBLIC_HOSTS

    def _public_url(self, key: str) -> str:
        if not self._has_public_url:
            return self._object_address(key)
        host = _PUBLIC_HOSTS[self.address.scheme].format(bucket=self.address.bucket)
        base = f"{self.endpoint.rstrip('/')}/{self.address.bucket}" if self.endpoint else host
        return f"{base}/{quote(self._whole_key(key))}"


class _TooLargeError(Exception):
    pass


class _Counted:
    def __init__(self, count: int, items: Iterator[Any]) -> None:
        self._count = count
        self._items = items

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Any]:
        return self._items


def _is_image(key: str) -> bool:
    path = PurePosixPath(key)
    return path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in path.parts)


def _refuse_shared_ids(address: str, keys: Iterable[str]) -> None:
    key_by_id: dict[str, str] = {}
    for key in keys:
        identifier = PurePosixPath(key).with_suffix("").as_posix()
        other = key_by_id.setdefault(identifier, key)
        if other != key:
            raise SetupError(f"{address}: {other} and {key} both have the id {identifier!r}; rename one")
