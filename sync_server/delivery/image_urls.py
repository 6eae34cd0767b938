"""The `image_url` of answers: where a client gets a reference's image.

A pack has the addresses that its maker recorded (the attributes `image_url`, `s3_path` and `path`, and the image's path
in its source), and it may have thumbnails. Only the operator knows which of them clients can reach; see
`Settings.image_urls`.

Security: `PresignedUrls` signs only paths in the operator's folder. Otherwise the maker of a pack could read any
object that the server's credentials can read. If signing fails, it pauses for 30 s, so that a credential service that
does not respond cannot delay each answer.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, urlsplit

from edge_identify.edge_runtime.errors import NetworkError, SetupError
from edge_identify.edge_runtime.io.buckets import bucket_address, check_web_address
from edge_identify.sync_server.publishing.bucket_objects import Bucket, count_nothing

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.references import Reference, ReferenceImageFacts

_PAUSE_S = 30.0  # no signing for this long after a failure
RECORDED_ADDRESSES = ("image_url", "s3_path")  # reference attributes
RECORDED, SERVED, PUBLIC, PRESIGNED = "recorded", "served", "public:", "presigned:"


class ImageUrls(Protocol):
    """Gives image URLs.

    Attributes:
        shows_recorded: Whether answers keep the recorded addresses (`RECORDED_ADDRESSES`) among the attributes.
    """

    shows_recorded: bool

    def of(self, reference: Reference, picture: ReferenceImageFacts, thumbnail: str | None) -> str | None:
        """Return the URL of a reference's image, or None.

        Args:
            reference: The reference.
            picture: The pack's facts about the image.
            thumbnail: URL of the thumbnail on this server, or None.
        """


class RecordedUrls:
    """The recorded `image_url`, else the thumbnail, else the reference's page."""

    shows_recorded = True

    def of(self, reference: Reference, _picture: ReferenceImageFacts, thumbnail: str | None) -> str | None:
        """See `ImageUrls.of`."""
        return reference.attributes.get("image_url") or thumbnail or reference.url


class ServedUrls:
    """The thumbnail on this server, or None."""

    shows_recorded = False

    def of(self, _reference: Reference, _picture: ReferenceImageFacts, thumbnail: str | None) -> str | None:
        """See `ImageUrls.of`."""
        return thumbnail


class PublicUrls:
    """The recorded path below a public base URL, such as a CDN. Without a path: as `RecordedUrls`."""

    shows_recorded = False

    def __init__(self, base: str) -> None:
        """Take the base URL."""
        self._base = base.rstrip("/")

    def of(self, reference: Reference, picture: ReferenceImageFacts, thumbnail: str | None) -> str | None:
        """See `ImageUrls.of`."""
        path = _recorded_path(reference, picture)
        if path is None or not _stays_below(key := urlsplit(path).path.strip("/") if "://" in path else path):
            return RecordedUrls().of(reference, picture, thumbnail)
        return f"{self._base}/{quote(key)}"


class PresignedUrls:
    """A presigned URL of the recorded path in a bucket. Without a path in the folder: as `RecordedUrls`."""

    shows_recorded = False

    def __init__(self, bucket: Bucket, *, valid_s: float, clock: Callable[[], float] = monotonic) -> None:
        """Take the bucket, or the folder in it, with the images, and sign a URL as a test.

        Args:
            bucket: The bucket or folder.
            valid_s: How long a URL is valid, in seconds.
            clock: Monotonic seconds.

        Raises:
            SetupError, NetworkError: Signing failed.
        """
        self._bucket, self._valid_s, self._clock = bucket, valid_s, clock
        self._paused_until_s = 0.0
        self._bucket.signed_url("picture", valid_s=valid_s)

    def of(self, reference: Reference, picture: ReferenceImageFacts, thumbnail: str | None) -> str | None:
        """See `ImageUrls.of`."""
        key = self._key(reference, picture)
        if key is None:
            return RecordedUrls().of(reference, picture, thumbnail)
        if self._clock() < self._paused_until_s:
            return thumbnail
        try:
            return self._bucket.signed_url(key, valid_s=self._valid_s)
        except (NetworkError, SetupError):  # counted by `Bucket`; the answer falls back to the thumbnail
            self._paused_until_s = self._clock() + _PAUSE_S
            return thumbnail

    def _key(self, reference: Reference, picture: ReferenceImageFacts) -> str | None:
        """Return the object's path in the folder, or None."""
        path = _recorded_path(reference, picture)
        if path is not None and "://" in path:
            folder = f"{self._bucket.address}/"
            path = path.removeprefix(folder) if path.startswith(folder) else None
        return path if path is not None and _stays_below(path) else None


def image_urls(
    how: str, *, endpoint: str | None = None, valid_s: float, count: Callable[[str, str], None] = count_nothing
) -> ImageUrls:
    """Return the image URLs of a setting.

    Args:
        how: `recorded`, `served`, `public:https://...` or `presigned:s3://bucket/prefix`.
        endpoint: Endpoint of an S3-compatible server other than Amazon's, or None.
        valid_s: How long a presigned URL is valid, in seconds.
        count: See `Bucket`.

    Raises:
        SetupError: `how` is invalid, obstore is not installed, or there are no credentials to sign with.
        NetworkError: The credential service does not respond.
    """
    if how in (RECORDED, SERVED):
        return RecordedUrls() if how == RECORDED else ServedUrls()
    if how.startswith(PUBLIC):
        base = how.removeprefix(PUBLIC)
        check_web_address(base, option="image_urls public:")
        return PublicUrls(base)
    if how.startswith(PRESIGNED):
        address = how.removeprefix(PRESIGNED)
        bucket_address(address, option="image_urls")
        return PresignedUrls(Bucket(address, endpoint=endpoint, count=count, is_hasty=True), valid_s=valid_s)
    raise SetupError(
        f"image_urls is {how!r}; write recorded, served, public:https://HOST/FOLDER or presigned:s3://BUCKET/PREFIX"
    )


def _recorded_path(reference: Reference, picture: ReferenceImageFacts) -> str | None:
    return reference.attributes.get("s3_path") or picture.path or reference.attributes.get("path") or None


def _stays_below(path: str) -> bool:
    """Return whether a path stays in the folder and is valid in a URL."""
    # obstore refuses control characters and lone surrogates in a path.
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        return False
    return not path.startswith("/") and all(part not in ("", ".", "..") for part in path.split("/"))
