"""The names a pack may use: its own, its version, and the paths of its files.

They become folder names and URLs on every platform, so the alphabet is small. A path that climbs (`..`), starts at
the root, or hides behind a backslash would let a hostile pack write anywhere on the device.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

from edge_identify.edge_runtime.errors import PackFormatError

MAX_PATH_CHARACTERS = 200  # Windows gives a whole path 260, and the store's folder comes before it

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_PATH_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
# Windows opens a device under these names in every folder, whatever ending follows, in either case.
_DEVICE = re.compile(r"(con|nul|aux|prn|com[0-9]|lpt[0-9])(\..*)?", re.I)
_VERSION = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, order=True)
class PackVersion:
    """A pack's own version: major for a new model or quantiser, minor for changed references, patch for the rest."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `1.2.3`.

        Raises:
            PackFormatError: The text is not three whole numbers joined by dots.
        """
        match = _VERSION.fullmatch(text)
        if match is None:
            raise PackFormatError(f"{text!r} is not a pack version; write three numbers such as 1.0.0")
        return cls(*(int(part) for part in match.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def checked_pack_name(text: str) -> str:
    """Return `text` if it can name a pack: lower-case letters, digits and hyphens, at most 64 characters.

    Raises:
        PackFormatError: It cannot.
    """
    if _NAME.fullmatch(text) is None or _DEVICE.fullmatch(text):
        raise PackFormatError(
            f"{text!r} cannot name a pack; use lower-case letters, digits and hyphens (at most 64), such as street-art"
        )
    return text


def checked_path(text: str) -> str:
    """Return `text` if it is a safe relative path inside a pack.

    Raises:
        PackFormatError: It is absolute, climbs, has a backslash or an unusual character, names a device of
            Windows, or is too long.
    """
    if len(text) > MAX_PATH_CHARACTERS or not all(_is_path_part(part) for part in text.split("/")):
        raise PackFormatError(f"{text!r} cannot be a path in a pack; the pack is damaged or hostile")
    return text


def _is_path_part(text: str) -> bool:
    return _PATH_PART.fullmatch(text) is not None and not text.endswith(".") and _DEVICE.fullmatch(text) is None


def check_apart(paths: Iterable[str]) -> None:
    """Check that paths stay apart on every disk: each a file, and none of them another in other letters.

    On a phone or a Mac `References.sqlite` is `references.sqlite`: the second would be written over the first.

    Raises:
        PackFormatError: Two differ at most in upper and lower case, or one is a folder on the way to another.
    """
    by_folded: dict[str, str] = {}
    for path in paths:
        if path.casefold() in by_folded:
            raise PackFormatError(f"{by_folded[path.casefold()]!r} and {path!r} are one file on many devices")
        by_folded[path.casefold()] = path
    for folded, path in by_folded.items():
        for folder in accumulate(folded.split("/")[:-1], "{}/{}".format):
            if folder in by_folded:
                raise PackFormatError(f"{by_folded[folder]!r} is a file, and a folder on the way to {path!r}")


def checked_sha256(text: str) -> str:
    """Return `text` if it is a SHA-256 in lower-case hexadecimal digits; raise `PackFormatError` otherwise."""
    if _SHA256.fullmatch(text) is None:
        raise PackFormatError(f"{text!r} is not a SHA-256 in hexadecimal digits")
    return text
