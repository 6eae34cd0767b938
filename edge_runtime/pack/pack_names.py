"""Checks of the names in a pack: the pack's name, its version, and the paths of its files.

Names become folder names and URLs on every platform, so few characters are allowed. A path that climbs (`..`), is
absolute, or holds a backslash would let a hostile pack write anywhere on the device.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Self

from edge_identify.edge_runtime.errors import PackFormatError

MAX_PATH_CHARACTERS = 200  # Windows allows 260 for a whole path, which includes the store's folder

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_PATH_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
# Windows opens a device under these names, in every folder, with any ending and in either case.
_DEVICE = re.compile(r"(con|nul|aux|prn|com[0-9]|lpt[0-9])(\..*)?", re.I)
_VERSION = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, order=True)
class PackVersion:
    """A pack's version: major for a new model or quantiser, minor for changed references, patch for other changes."""

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

    def next_minor(self) -> Self:
        """Return the version with the next minor number: 1.4.0 of 1.3.2."""
        return replace(self, minor=self.minor + 1, patch=0)

    def next_patch(self) -> Self:
        """Return the version with the next patch number: 1.3.3 of 1.3.2."""
        return replace(self, patch=self.patch + 1)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def checked_pack_name(text: str) -> str:
    """Return `text` if it can name a pack: lower-case letters, digits and hyphens, at most 64 characters.

    Raises:
        PackFormatError: It cannot name a pack.
    """
    if _NAME.fullmatch(text) is None or _DEVICE.fullmatch(text):
        raise PackFormatError(
            f"{text!r} cannot name a pack; use lower-case letters, digits and hyphens (at most 64), such as street-art"
        )
    return text


def checked_path(text: str) -> str:
    """Return `text` if it is a safe relative path inside a pack.

    Raises:
        PackFormatError: It is absolute, climbs (`..`), holds a forbidden character, names a Windows device, or is
            longer than `MAX_PATH_CHARACTERS`.
    """
    if len(text) > MAX_PATH_CHARACTERS or not all(_is_path_part(part) for part in text.split("/")):
        raise PackFormatError(f"{text!r} cannot be a path in a pack; the pack is damaged or hostile")
    return text


def _is_path_part(text: str) -> bool:
    return _PATH_PART.fullmatch(text) is not None and not text.endswith(".") and _DEVICE.fullmatch(text) is None


def check_apart(paths: Iterable[str]) -> None:
    """Check that paths name different files on every file system.

    On a Mac, `References.sqlite` and `references.sqlite` are the same file: one would overwrite the other.

    Raises:
        PackFormatError: Two paths differ only in case, or not at all, or one is a folder of another.
    """
    by_folded: dict[str, str] = {}
    for path in paths:
        if path.casefold() in by_folded:
            raise PackFormatError(f"{by_folded[path.casefold()]!r} and {path!r} are the same file on many devices")
        by_folded[path.casefold()] = path
    for folded, path in by_folded.items():
        for folder in accumulate(folded.split("/")[:-1], "{}/{}".format):
            if folder in by_folded:
                raise PackFormatError(f"{by_folded[folder]!r} is a file, and also a folder of {path!r}")


def checked_sha256(text: str) -> str:
    """Return `text` if it is a SHA-256 in lower-case hexadecimal digits; raise `PackFormatError` otherwise."""
    if _SHA256.fullmatch(text) is None:
        raise PackFormatError(f"{text!r} is not a SHA-256 in hexadecimal digits")
    return text
