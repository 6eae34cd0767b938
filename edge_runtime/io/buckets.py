"""Buckets of S3, Google Cloud Storage and Azure: addresses, retries, and the meaning of obstore's errors.

Devices do not use buckets. The module lies here because `datasets` and `sync_server` both use it, and both import only
`edge_runtime`. obstore is loaded when a bucket is opened.

Trap: an address such as `s3://KEY:SECRET@bucket` would put the secret into logs. So an address must not hold
credentials; they come from the environment (`AWS_ACCESS_KEY_ID` ...) or from the machine's role.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, urlsplit

from edge_identify.edge_runtime.errors import NetworkError, SetupError

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, S3Store

SCHEMES = ("s3", "gs", "az")

_RETRIES: dict[str, Any] = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
# For a store that an HTTP request waits for: a machine's role that never answers is given up after about 4 s.
_HASTY_RETRIES: dict[str, Any] = {"max_retries": 1, "retry_timeout": timedelta(seconds=5)}
_HASTY_CLIENT = {"timeout": "2s", "connect_timeout": "1s"}
_USERINFO = re.compile(r"//[^/\s@]*@")


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketAddress:
    """A bucket, or a folder in it; as text `s3://bucket/prefix`.

    Attributes:
        scheme: One of `SCHEMES`.
        bucket: The bucket's name.
        prefix: The folder, without slashes around it; empty for none.
    """

    scheme: str
    bucket: str
    prefix: str

    def __str__(self) -> str:
        """Return the address as text."""
        return f"{self.scheme}://{self.bucket}/{self.prefix}".rstrip("/")


def bucket_address(text: str, *, option: str) -> BucketAddress:
    """Read a bucket's address.

    Args:
        text: Such as `s3://bucket/prefix`; the scheme may be in capitals.
        option: The option that the operator gave, for messages.

    Raises:
        SetupError: It is not a bucket's address, or it holds credentials.
    """
    _refuse_credentials(text, option)
    parts = _split(text)
    if parts is None or parts.scheme not in SCHEMES or not parts.netloc or parts.query or parts.fragment:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise SetupError(
            f"{option}: {text!r} is not a bucket's address; write s3://BUCKET/PREFIX (known schemes: {known})"
        )
    return BucketAddress(scheme=parts.scheme, bucket=parts.netloc, prefix=parts.path.strip("/"))


def check_endpoint(text: str) -> None:
    """Check the address of an S3 server. obstore would end the program on some malformed ones.

    Raises:
        SetupError: It is not an address, or it holds credentials.
    """
    check_web_address(text, option="--endpoint")


def check_web_address(text: str, *, option: str) -> None:
    """Check that a text is a web address to which paths can be appended.

    Raises:
        SetupError: It is not an address, has a query or fragment, or holds credentials.
    """
    _refuse_credentials(text, option)
    parts = _split(text)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise SetupError(f"{option} {text}: write an address such as https://host.example.org, without ? and #")


def open_bucket(
    address: BucketAddress, *, endpoint: str | None = None, is_anonymous: bool = False, is_hasty: bool = False
) -> AzureStore | GCSStore | S3Store:
    """Return obstore's store for a bucket. It sends no request yet.

    Args:
        address: The bucket, or a folder in it.
        endpoint: Address of an S3-compatible server; None for the provider's own.
        is_anonymous: Whether requests are sent unsigned.
        is_hasty: Whether to give up after a few seconds, because a request waits.

    Raises:
        SetupError: The address or the endpoint is malformed, or obstore is not installed.
    """
    if endpoint:
        check_endpoint(endpoint)
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError as error:
        raise SetupError(f"{address}: needs obstore; pip install 'edge-identify[buckets]'") from error
    client: dict[str, Any] = dict(_HASTY_CLIENT) if is_hasty else {}
    settings: dict[str, Any] = {}
    if endpoint:
        settings["endpoint"] = endpoint
        client["allow_http"] = endpoint.lower().startswith("http:")
    if address.scheme == "s3":
        settings["checksum_algorithm"] = "sha256"  # the server then refuses an upload that was damaged on its way
    if is_anonymous:
        settings["skip_signature"] = True
    if client:
        settings["client_options"] = client
    settings["retry_config"] = _HASTY_RETRIES if is_hasty else _RETRIES
    try:
        store: Any = from_url(str(address), **settings)
    except (BaseError, ValueError) as error:
        raise SetupError(f"{address}: the bucket cannot be opened ({one_line(error)})") from error
    return cast("AzureStore | GCSStore | S3Store", store)


def is_of_bucket(error: BaseException) -> bool:
    """Return whether an error comes from obstore. An `OSError` with an `errno` comes from this machine's disk."""
    from obstore.exceptions import BaseError

    return isinstance(error, BaseError) or (isinstance(error, OSError) and error.errno is None) or _is_panic(error)


def lacks_bucket(error: BaseException) -> bool:
    """Return whether an error means that the bucket does not exist."""
    return "NoSuchBucket" in str(error)


def explained(error: BaseException, address: BucketAddress, *, verb: str, to_do: str) -> SetupError | NetworkError:
    """Return the error that tells the operator what an error of obstore means.

    Args:
        error: An error for which `is_of_bucket` is true.
        address: The bucket's address.
        verb: The operation that failed, as a participle such as `listed`.
        to_do: What the credentials must allow, as the end of a sentence.
    """
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

    text = str(error)
    if _is_panic(error):
        return SetupError(
            f"{address}: the server's address cannot be used ({one_line(error)}); --endpoint and AWS_ENDPOINT_URL "
            "must begin with https:// or http://"
        )
    if lacks_bucket(error) or isinstance(error, FileNotFoundError):
        return SetupError(f"{address}: there is no bucket {address.bucket!r}; check its name")
    # Without credentials in the environment, obstore asks the machine's role for some, under this path.
    is_refusal = isinstance(error, PermissionError | PermissionDeniedError | UnauthenticatedError)
    if is_refusal or "/latest/api/token" in text or "403 Forbidden" in text:
        return SetupError(
            f"{address}: the server refuses the credentials, or there are none; set AWS_ACCESS_KEY_ID and "
            f"AWS_SECRET_ACCESS_KEY (of Google and Azure what their tools read) to ones that may {to_do}"
        )
    return NetworkError(f"{address}: the bucket cannot be {verb} ({one_line(error)})")


def one_line(error: BaseException) -> str:
    """Return the start of an error's message (300 characters), on one line, with credentials removed from addresses."""
    return _USERINFO.sub("//", " ".join(str(error).partition("Debug source")[0].split()))[:300]


def _is_panic(error: BaseException) -> bool:
    return type(error).__module__ == "pyo3_runtime"  # `PanicException`, which nothing exports and is no `Exception`


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises ValueError for a malformed port
    except ValueError:
        return None
    return parts


def _refuse_credentials(text: str, option: str) -> None:
    if "@" in text.partition("://")[2].partition("/")[0]:
        raise SetupError(
            f"{option}: an address must not hold credentials (it contains a @); set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY in the environment"
        )
