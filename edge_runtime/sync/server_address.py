"""From a server's address, as a person types it, to the root URL of a published tree."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit, urlunsplit

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.sync.listing import LISTING_NAME, PAGE_NAME


def tree_url(text: str) -> str:
    """Return the URL of a published tree, without a slash at its end.

    Args:
        text: URL of the tree's folder, of its page or of its listing, as typed.

    Raises:
        SetupError: The scheme is missing or not http or https, the host is missing, the port is invalid, or the address
            holds a user name.
    """
    if "://" not in text:
        raise SetupError(f"{text!r} does not say how to reach it; did you mean {_likely_scheme(text)}://{text} ?")
    parts = _split(text)
    if parts.scheme not in ("http", "https"):
        raise SetupError(f"{text!r}: packs are fetched over http or https, not {parts.scheme}")
    if "@" in parts.netloc:
        raise SetupError(
            f"{parts.hostname}: leave user name and password out of the address; it is kept on this device"
        )
    path = parts.path
    for name in (LISTING_NAME, PAGE_NAME):
        path = path.removesuffix(f"/{name}")
    return urlunsplit((parts.scheme, parts.netloc, path.rstrip("/"), "", ""))


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and parts.port != 0  # `port` raises for one above 65535
    except ValueError as error:
        raise SetupError(
            f"{text!r} is not an address ({error}); write one such as https://packs.example.org"
        ) from error
    if not has_host or any(character.isspace() for character in text):
        raise SetupError(f"{text!r} is not an address; write one such as https://packs.example.org")
    return parts


def _likely_scheme(text: str) -> str:
    """Guess the scheme: http for localhost, an IPv4 address or a port; https for any other name."""
    host, colon, _ = text.split("/")[0].partition(":")
    is_local = bool(colon) or host == "localhost" or host.replace(".", "").isdigit()
    return "http" if is_local else "https"
