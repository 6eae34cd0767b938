"""Buckets of S3, Google and Azure as obstore opens them: their addresses, how often is tried again, what errors mean.

Devices use none of this: it stands here because both rooms that use buckets, `datasets` and `sync_server`, stand on
this floor. obstore is loaded when a bucket is opened.

A newcomer would print what the operator wrote: `s3://KEY:SECRET@bucket` then stands in logs. Credentials come from the
environment (`AWS_ACCESS_KEY_ID` ...) or from the machine's role, never from an address.
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
# For what a request waits for: a machine's role that never answers is given up after some 4 s.
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
        """Return it as it is written."""
        return f"{self.scheme}://{self.bucket}/{self.prefix}".rstrip("/")


def bucket_address(text: str, *, option: str) -> BucketAddress:
    """Read a bucket's address.

    Args:
        text: Such as `s3://bucket/prefix`; the scheme in capitals, too.
        option: What the operator calls it.

    Raises:
        SetupError: It is none, or holds credentials.
    """
    _refuse_credentials(text, option)
    parts = _split(text)
    if parts is None or parts.scheme not in SCHEMES or not parts.netloc or parts.query or parts.fragment:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise SetupError(f"{option}: {text!r} is no bucket; write s3://BUCKET/PREFIX (known are {known})")
    return BucketAddress(scheme=parts.scheme, bucket=parts.netloc, prefix=parts.path.strip("/"))


def check_endpoint(text: str) -> None:
    """Refuse what is no address of a server: obstore would end the program over some of it.

    Raises:
        SetupError: It is none, or holds credentials.
    """
    check_web_address(text, option="--endpoint")


def check_web_address(text: str, *, option: str) -> None:
    """Refuse what is no web address that paths can be put below.

    Raises:
        SetupError: It is none, or holds credentials.
    """
    _refuse_credentials(text, option)
    parts = _split(text)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise SetupError(f"{option} {text}: write an address such as https://host.example.org, without ? and #")


def open_bucket(
    address: BucketAddress, *, endpoint: str | None = None, is_anonymous: bool = False, is_hasty: bool = False
) -> AzureStore | GCSStore | S3Store:
    """Return what reads and writes a bucket; nothing is asked yet.

    Args:
        address: Which bucket, or folder in it.
        endpoint: Of a server that speaks S3 and is not Amazon's; None for none.
        is_anonymous: Whether requests are not signed.
        is_hasty: Whether it is given up after a few seconds, because somebody waits.

    Raises:
        SetupError: The address or the endpoint is none, or obstore is not installed.
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
        settings["checksum_algorithm"] = "sha256"  # the server then refuses what was damaged on its way
    if is_anonymous:
        settings["skip_signature"] = True
    if client:
        settings["client_options"] = client
    settings["retry_config"] = _HASTY_RETRIES if is_hasty else _RETRIES
    try:
        store: Any = from_url(str(address), **settings)
    except (BaseError, ValueError) as error:
        raise SetupError(f"{address}: is not a bucket that can be opened ({one_line(error)})") from error
    return cast("AzureStore | GCSStore | S3Store", store)


def is_of_bucket(error: BaseException) -> bool:
    """Return whether an error is obstore's; those of this machine's disk have a number, and are not."""
    from obstore.exceptions import BaseError

    return isinstance(error, BaseError) or (isinstance(error, OSError) and error.errno is None) or _is_panic(error)


def lacks_bucket(error: BaseException) -> bool:
    """Return whether an error says that there is no such bucket."""
    return "NoSuchBucket" in str(error)


def explained(error: BaseException, address: BucketAddress, *, verb: str, to_do: str) -> SetupError | NetworkError:
    """Return what an error of obstore means to the operator.

    Args:
        error: One that `is_of_bucket`.
        address: Of the bucket.
        verb: What could not be done with it, such as `listed`.
        to_do: What the credentials have to allow, as the end of a sentence.
    """
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

    text = str(error)
    if _is_panic(error):
        return SetupError(
            f"{address}: the address of its server cannot be used ({one_line(error)}); --endpoint and AWS_ENDPOINT_URL "
            "begin with https:// or http://"
        )
    if lacks_bucket(error) or isinstance(error, FileNotFoundError):
        return SetupError(f"{address}: there is no bucket {address.bucket!r}; check its name")
    # Without credentials in the environment the machine's role is asked for some, under this path.
    is_refusal = isinstance(error, PermissionError | PermissionDeniedError | UnauthenticatedError)
    if is_refusal or "/latest/api/token" in text or "403 Forbidden" in text:
        return SetupError(
            f"{address}: the server refuses the credentials, or there are none; set AWS_ACCESS_KEY_ID and "
            f"AWS_SECRET_ACCESS_KEY (of Google and Azure what their tools read) to ones that may {to_do}"
        )
    return NetworkError(f"{address}: the bucket cannot be {verb} ({one_line(error)})")


def one_line(error: BaseException) -> str:
    """Return the beginning of what an error says, on one line and without credentials in addresses."""
    return _USERINFO.sub("//", " ".join(str(error).partition("Debug source")[0].split()))[:300]


def _is_panic(error: BaseException) -> bool:
    return type(error).__module__ == "pyo3_runtime"  # `PanicException`, which nothing exports and is no `Exception`


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises where it is none
    except ValueError:
        return None
    return parts


def _refuse_credentials(text: str, option: str) -> None:
    if "@" in text.partition("://")[2].partition("/")[0]:
        raise SetupError(
            f"{option}: an address holds no credentials (there is a @ in it); set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY in the environment"
        )
