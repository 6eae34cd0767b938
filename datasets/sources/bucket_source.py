"""`s3://bucket/prefix`, and `gs://` and `az://`: each image in a bucket is a reference, its folder the namespace.

It uses obstore: one wheel without dependencies that supports all three, lists in pages and retries by itself. s3fs
would need botocore, aiohttp and a package for each other cloud.

A bucket may change between listing and reading: a missing object is a skipped image. An object whose ETag is in the
cache is not read again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from edge_identify.datasets.sources.bucket_listing import BucketObject, list_bucket
from edge_identify.datasets.sources.fetching.image_cache import CacheEntry, ImageCache
from edge_identify.datasets.sources.rows.described_images import IMAGE_URL
from edge_identify.datasets.sources.source import SourceImage, problems_of_shared_ids
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.buckets import BucketAddress, one_line, open_bucket
from edge_identify.edge_runtime.io.composed_text import composed
from edge_identify.edge_runtime.io.durable_writes import replacing
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.photos.images import SUFFIXES
from edge_identify.edge_runtime.photos.passed_over import Kind, PassedOver, first_reason, known_endings, name_to_tell

if TYPE_CHECKING:
    from obstore.store import ObjectStore

S3_PATH = "s3_path"  # attribute with the image's object address in S3

_WORKERS = 16  # concurrent requests; a bucket accepts thousands
_MAX_BYTES = 64 * 2**20
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
        exclude: Patterns of objects and folders to leave out; see `reason_to_pass_over`.
        passed_over: Counts what the bucket holds beside the images.
    """

    address: BucketAddress
    cache: ImageCache
    endpoint: str | None = None
    is_anonymous: bool = False
    progress: Callable[[Any], Iterable[Any]] = iter
    exclude: tuple[str, ...] = ()
    passed_over: PassedOver = field(default_factory=PassedOver, compare=False)

    def images(self) -> Iterator[SourceImage]:
        """Fetch the images and yield them, sorted by key, without hidden ones.

        An object whose key cannot be read or gives the same id as another is an image with a problem.

        Raises:
            SetupError: The bucket is missing, cannot be read or has no images, or obstore is not installed.
            NetworkError: The server cannot be reached.
        """
        store = open_bucket(self.address, endpoint=self.endpoint, is_anonymous=self.is_anonymous)
        objects = self._list(store)
        problems = self._known_problems(objects)
        problems |= self._read(store, [each for each in objects if each.key not in problems])
        for each in objects:
            yield self._image(each.key, problems.get(each.key))

    def _list(self, store: ObjectStore) -> list[BucketObject]:
        objects = list_bucket(store, self.address, endpoint=self.endpoint, is_anonymous=self.is_anonymous)
        told: set[PurePosixPath] = set()
        images = [each for each in objects if self._is_image(each, told)]
        if not images:
            rest = f"; passed over: {self.passed_over}" if self.passed_over.total else ""
            raise SetupError(f"{self.address}: contains no image; the known suffixes are {known_endings()}{rest}")
        return images

    def _is_image(self, listed: BucketObject, told: set[PurePosixPath]) -> bool:
        path = PurePosixPath(listed.key.strip("/"))
        is_named_so = path.suffix.lower() in SUFFIXES
        if not is_named_so and listed.key.endswith("/"):
            return False  # the mark of an empty folder
        reason = first_reason(path, exclude=self.exclude)
        is_hidden = reason is not None and reason[0] is Kind.HIDDEN  # as is every key with a part . or ..
        if reason is None or (is_hidden and is_named_so and listed.problem is not None):
            return True
        kind, because = reason
        if because not in told:  # a folder counts once
            told.add(because)
            self.passed_over.add(kind, name_to_tell(because, kind))
        return False

    def _known_problems(self, objects: Iterable[BucketObject]) -> dict[str, str]:
        shown = {each.key: self._object_address(each.key) for each in objects}
        odd = {each.key: f"{shown[each.key]}: {each.problem}; rename it" for each in objects if each.problem}
        ids = {shown[key]: _id_of(key) for key in shown if key not in odd}
        shared = problems_of_shared_ids(ids, "rename one, or put them into two folders")
        return odd | {key: shared[address] for key, address in shown.items() if address in shared}

    def _read(self, store: ObjectStore, objects: Sequence[BucketObject]) -> Mapping[str, str]:
        """Fetch the objects into the cache; return the errors by key."""
        problems: dict[str, str] = {}
        pool = ThreadPoolExecutor(_WORKERS)
        try:
            reading = {pool.submit(self._read_one, store, each): each.key for each in objects}
            for done in self.progress(_Counted(len(objects), as_completed(reading))):
                if (problem := done.result()) is not None:
                    problems[reading[done]] = problem
        finally:
            pool.shutdown(cancel_futures=True)
        return problems

    def _read_one(self, store: ObjectStore, listed: BucketObject) -> str | None:
        import obstore

        key, shown = listed.key, self._object_address(listed.key)
        if listed.size_bytes > _MAX_BYTES:
            return f"{shown}: {listed.size_bytes / 2**20:.0f} MiB; the limit is {_MAX_BYTES // 2**20} MiB"
        url = self._public_url(key)
        known = self.cache.entry(url)
        if known is not None and known.etag is not None and known.etag == listed.etag:
            return None
        try:
            result = obstore.get(store, key)
            self._keep(url, result)
        except _TooLargeError:
            return f"{shown}: larger than the limit of {_MAX_BYTES // 2**20} MiB"
        except (FileNotFoundError, obstore.exceptions.NotFoundError):
            return f"{shown}: was deleted after the bucket was listed, or its key begins or ends with /; rename it then"
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
        path = PurePosixPath(composed(key))
        attributes = {IMAGE_URL: self._public_url(key)} if self._has_public_url else {}
        if self.address.scheme == "s3":
            attributes[S3_PATH] = self._object_address(key)
        folder = path.parent.as_posix()
        reference = Reference(
            id=_id_of(key),
            name=path.stem,
            namespace="" if folder == "." else folder,
            attributes=attributes,
        )
        return SourceImage(
            path=self.cache.path(self._public_url(key)),
            reference=reference,
            origin=self._object_address(key),
            problem=problem,
            source_path=composed(key),
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


def _id_of(key: str) -> str:
    path = PurePosixPath(composed(key))
    return path.with_suffix("").as_posix() if path.name else path.as_posix()
