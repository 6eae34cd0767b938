"""Where a client finds a reference's picture: the `image_url` of answers.

A pack knows what its maker recorded (`image_url`, `s3_path` and `path` among a reference's attributes, a picture's path
in its source) and may have thumbnails; which of them clients can reach, only the operator knows.

A newcomer would sign whatever a pack names: whoever makes a pack could then have this server's credentials read any
object that they may. Only what lies in the folder that the operator names is signed. Nor would they think of a role
that does not answer: each picture of each answer would wait for it.
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

_PAUSE_S = 30.0  # after an address could not be signed, none is for so long
RECORDED_ADDRESSES = ("image_url", "s3_path")  # attributes
RECORDED, SERVED, PUBLIC, PRESIGNED = "recorded", "served", "public:", "presigned:"


class ImageUrls(Protocol):
    """Says where pictures are.

    Attributes:
        tells_recorded: Whether answers have the addresses, too, that the maker recorded among the attributes.
    """

    tells_recorded: bool

    def of(self, reference: Reference, picture: ReferenceImageFacts, thumbnail: str | None) -> str | None:
        """Return the address of a reference's picture; None for none.

        Args:
            reference: Whose picture.
            picture: What the pack knows of it.
            thumbnail: The address of its thumbnail on this server; None where the pack has none.
        """


class Recorded:
    """As the maker recorded, or the thumbnail here, or the reference's page."""

    tells_recorded = True

    def of(self, reference: Reference, _picture: ReferenceImageFacts, thumbnail: str | None) -> str | None:
        """See `ImageUrls.of`."""
        return reference.attributes.get("image_url") or thumbnail or reference.url


class Served:
    """The thumbnail here, and nothing elsewhere."""

    tells_recorded = False

    def of(self, _reference: Reference, _picture: ReferenceImageFacts, thumbnail: str | None) -> str | None:
        """See `ImageUrls.of`."""
        return thumbnail


class Public:
    """Below an address that anybody may read, such as a CDN's; as recorded where no path is."""

    tells_recorded = False

    def __init__(self, base: str) -> None:
        """Take the address."""
        self._base = base.rstrip("/")

    def of(self, reference: Reference, picture: ReferenceImageFacts, thumbnail: str | None) -> str | None:
        """See `ImageUrls.of`."""
        path = _recorded_path(reference, picture)
        if path is None or not _stays_below(key := urlsplit(path).path.strip("/") if "://" in path else path):
            return Recorded().of(reference, picture, thumbnail)
        return f"{self._base}/{quote(key)}"


class Presigned:
    """In a bucket, readable for a while by whoever has the answer; as recorded where no path leads there."""

    tells_recorded = False

    def __init__(self, bucket: Bucket, *, valid_s: float, clock: Callable[[], float] = monotonic) -> None:
        """Take the bucket, or a folder in it, that holds the pictures, and see whether addresses can be signed.

        Raises:
            SetupError, NetworkError: They cannot.
        """
        self._bucket, self._valid_s, self._clock = bucket, valid_s, clock
        self._paused_until_s = 0.0
        self._bucket.signed_url("picture", valid_s=valid_s)

    def of(self, reference: Reference, picture: ReferenceImageFacts, thumbnail: str | None) -> str | None:
        """See `ImageUrls.of`."""
        key = self._key(reference, picture)
        if key is None:
            return Recorded().of(reference, picture, thumbnail)
        if self._clock() < self._paused_until_s:
            return thumbnail
        try:
            return self._bucket.signed_url(key, valid_s=self._valid_s)
        except (NetworkError, SetupError):  # counted; an answer without a picture is better than none
            self._paused_until_s = self._clock() + _PAUSE_S
            return thumbnail

    def _key(self, reference: Reference, picture: ReferenceImageFacts) -> str | None:
        """Return the object's path below the folder; None where it has none there."""
        path = _recorded_path(reference, picture)
        if path is not None and "://" in path:
            folder = f"{self._bucket.address}/"
            path = path.removeprefix(folder) if path.startswith(folder) else None
        return path if path is not None and _stays_below(path) else None


def image_urls(
    how: str, *, endpoint: str | None = None, valid_s: float, count: Callable[[str, str], None] = count_nothing
) -> ImageUrls:
    """Return what says where pictures are.

    Args:
        how: `recorded`, `served`, `public:https://...` or `presigned:s3://bucket/prefix`.
        endpoint: Of a server that speaks S3 and is not Amazon's.
        valid_s: How long a signed address is good for.
        count: See `Bucket`.

    Raises:
        SetupError: It is none of these, obstore is not installed, or nothing can be signed for lack of credentials.
        NetworkError: What holds the credentials does not answer.
    """
    if how in (RECORDED, SERVED):
        return Recorded() if how == RECORDED else Served()
    if how.startswith(PUBLIC):
        base = how.removeprefix(PUBLIC)
        check_web_address(base, option="image_urls public:")
        return Public(base)
    if how.startswith(PRESIGNED):
        address = how.removeprefix(PRESIGNED)
        bucket_address(address, option="image_urls")
        return Presigned(Bucket(address, endpoint=endpoint, count=count, is_hasty=True), valid_s=valid_s)
    raise SetupError(
        f"image_urls is {how!r}; write recorded, served, public:https://HOST/FOLDER or presigned:s3://BUCKET/PREFIX"
    )


def _recorded_path(reference: Reference, picture: ReferenceImageFacts) -> str | None:
    return reference.attributes.get("s3_path") or picture.path or reference.attributes.get("path") or None


def _stays_below(path: str) -> bool:
    """Return whether a path leads nowhere but into the folder, and can stand in an address."""
    # Control characters and halves of pairs: obstore takes them for no path at all.
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in path):
        return False
    return not path.startswith("/") and all(part not in ("", ".", "..") for part in path.split("/"))
