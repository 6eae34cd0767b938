"""List the objects of a bucket, also beside keys that obstore refuses: `raw//3.jpg`, `x/../y.jpg`, or with a tab.

obstore ends a whole listing at such a key, and gives no part of the page that has it. S3 is then listed again, with
requests that obstore signs: the address of a signed request may hold the query of a listing. The key of the address is
no key of the bucket, so it stands in a parameter that begins with `x-`, which S3 ignores.
"""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_plus
from xml.etree import ElementTree

from edge_identify.edge_runtime.errors import NetworkError, SetupError
from edge_identify.edge_runtime.io.buckets import BucketAddress, explained, is_of_bucket

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_PAGE = 1000  # the most that S3 returns
_MAX_OBJECTS = 50_000_000
_MAX_PAGE_BYTES = 16 * 2**20  # 1000 keys of at most 1 KiB, percent-encoded, and what is said of each
_TIMEOUT_S = 60
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketObject:
    """An object of a bucket.

    Attributes:
        key: Its key below the prefix of the address.
        size_bytes: Its length.
        etag: Its entity tag, with quotes, or None.
    """

    key: str
    size_bytes: int
    etag: str | None

    @property
    def problem(self) -> str | None:
        """Why obstore cannot read it, or None."""
        parts = self.key.split("/")
        if "" in parts:
            return "the key has an empty part (it begins or ends with /, or has //)"
        if "." in parts or ".." in parts:
            return "the key has a part . or .."
        if _CONTROL.search(self.key):
            return "the key has a control character, such as a tab"
        return None


def list_bucket(
    store: ObjectStore, address: BucketAddress, *, endpoint: str | None, is_anonymous: bool
) -> list[BucketObject]:
    """Return all objects below an address, sorted by key.

    Args:
        store: The opened bucket.
        address: The bucket, or a folder in it.
        endpoint: Endpoint of an S3-compatible server; None for the provider's own.
        is_anonymous: Whether requests are unsigned.

    Raises:
        SetupError: The bucket is missing or cannot be read, has too many objects, or has a key that obstore refuses and
            is not in S3.
        NetworkError: The server cannot be reached.
    """
    from obstore.exceptions import InvalidPathError

    try:
        return _sorted(address, _listed(store))
    except InvalidPathError as error:
        if address.scheme != "s3":
            raise SetupError(
                f"{address}: the bucket cannot be listed ({_first_line(error)}); rename the object"
            ) from error
    except BaseException as error:  # some obstore errors are not `Exception`
        if not is_of_bucket(error):
            raise
        to_do = "list and read, or pass --anonymous for a public bucket"
        raise explained(error, address, verb="listed", to_do=to_do) from error
    pages = _Pages(address=address, endpoint=endpoint or _own_endpoint(store), is_anonymous=is_anonymous)
    return _sorted(address, pages.objects())


def _sorted(address: BucketAddress, objects: Iterator[BucketObject]) -> list[BucketObject]:
    found: list[BucketObject] = []
    for each in objects:
        found.append(each)
        if len(found) > _MAX_OBJECTS:
            raise SetupError(f"{address}: more than {_MAX_OBJECTS} objects; give a prefix")
    return sorted(found, key=lambda each: each.key)


def _listed(store: ObjectStore) -> Iterator[BucketObject]:
    import obstore

    for page in obstore.list(store, chunk_size=_PAGE):
        for meta in page:
            yield BucketObject(key=meta["path"], size_bytes=meta["size"], etag=meta["e_tag"])


def _own_endpoint(store: ObjectStore) -> str:
    # obstore reads these variables too, and does not tell.
    if named := os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
        return named
    told = getattr(store, "config", {}).get("region")
    region = told or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return f"https://s3.{region}.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pages:
    # The pages of ListObjectsV2, with keys as they are.
    address: BucketAddress
    endpoint: str
    is_anonymous: bool

    def objects(self) -> Iterator[BucketObject]:
        token: str | None = None
        while True:
            page = self._page(token)
            yield from self._objects(page)
            last, token = token, _text(page, "NextContinuationToken")
            if token is None:
                return
            if token == last:
                raise NetworkError(f"{self.address}: the server's listing does not end; try again, or give a prefix")

    def _objects(self, page: ElementTree.Element) -> Iterator[BucketObject]:
        prefix = self._prefix
        is_encoded = _text(page, "EncodingType") == "url"  # in XML, not every character of a key can be written
        for entry in page.iterfind("{*}Contents"):
            written = _text(entry, "Key") or ""
            key = unquote_plus(written) if is_encoded else written
            size = _text(entry, "Size") or "0"
            yield BucketObject(
                key=key.removeprefix(prefix), size_bytes=int(size) if size.isdigit() else 0, etag=_text(entry, "ETag")
            )

    @property
    def _prefix(self) -> str:
        return f"{self.address.prefix}/" if self.address.prefix else ""

    def _page(self, token: str | None) -> ElementTree.Element:
        query = {"list-type": "2", "max-keys": str(_PAGE), "encoding-type": "url", "prefix": self._prefix}
        if token is not None:
            query["continuation-token"] = token
        written = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        url = f"{self.endpoint.rstrip('/')}/{quote(self.address.bucket)}?{written}"
        try:
            with urllib.request.urlopen(url if self.is_anonymous else self._signed(url), timeout=_TIMEOUT_S) as answer:
                data = answer.read(_MAX_PAGE_BYTES + 1)
            if len(data) > _MAX_PAGE_BYTES or b"<!DOCTYPE" in data:
                raise NetworkError(f"{self.address}: the server's listing is not one of S3")
            return ElementTree.fromstring(data)
        except (OSError, ElementTree.ParseError) as error:
            raise NetworkError(f"{self.address}: the bucket cannot be listed ({_first_line(error)})") from error

    def _signed(self, url: str) -> str:
        import obstore
        from obstore.store import from_url

        try:
            # Not `open_bucket`, which refuses an endpoint with a query.
            store: Any = from_url(
                f"s3://{self.address.bucket}",
                endpoint=f"{url}&x-object=",
                client_options={"allow_http": url.lower().startswith("http:")},
            )
            signed: str = obstore.sign(store, "GET", "listing", timedelta(seconds=_TIMEOUT_S))
        except BaseException as error:
            if not is_of_bucket(error):
                raise
            raise explained(error, self.address, verb="listed", to_do="list and read") from error
        return signed


def _text(element: ElementTree.Element, name: str) -> str | None:
    found = element.find(f"{{*}}{name}")
    return None if found is None or not found.text else found.text


def _first_line(error: BaseException) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    return str(error).partition("\n")[0]
