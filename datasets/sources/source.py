"""What every source gives: pictures, each with the reference it shows.

A newcomer would expect references that hold pictures. It is the other way round, because a source is read in
one
pass: several pictures may come with the same reference, and then every one of them carries all of its facts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Protocol
from urllib.parse import unquote, urlsplit

from edge_identify.edge_runtime.pack.references import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceImage:
    """One picture that a source names.

    Attributes:
        path: Where it lies, absolute. It may be missing or broken; nobody has looked yet.
        reference: What it shows, with everything the source knows of it.
        origin: The address that it was fetched from, or None for a file of the maker's own.
        problem: Why it cannot be used, in one line, if the source found that out; it is then skipped like a broken one.
        source_path: Where it lies within the source, relative, with forward slashes; None where it lies anywhere.
        licence: Its own, which may differ from that of another picture of the reference; None where the source gives
            none of any, and empty where it does of others: the reference's is not this one's then.
        provenance: Who made it, or where it comes from; None where that is not given.
    """

    path: Path
    reference: Reference
    origin: str | None = None
    problem: str | None = None
    source_path: str | None = None
    licence: str | None = None
    provenance: str | None = None

    @property
    def file_name(self) -> str:
        """Its name, with the ending, where it comes from."""
        return file_name_of(self.path, self.origin)


def file_name_of(path: Path, origin: str | None) -> str:
    """Return a picture's own name: that of its file, or of the address that it was fetched from."""
    if origin is None:
        return path.name
    if origin.startswith(("http://", "https://")):
        return unquote(PurePosixPath(urlsplit(origin).path).name)
    return PurePosixPath(origin).name  # of a bucket, whose keys are not quoted


def path_within(written: PurePath) -> str | None:
    """Return a path as a list writes it, tidied, with forward slashes; None if it leads out of the list's folder."""
    tidy = PurePath(os.path.normpath(written))
    return None if tidy.is_absolute() or ".." in tidy.parts else tidy.as_posix()


@dataclass(frozen=True, slots=True)
class ListedImages:
    """A source that was read to its end, or whose pictures were known from the start."""

    listed: tuple[SourceImage, ...]

    def images(self) -> Iterator[SourceImage]:
        """Yield the pictures."""
        yield from self.listed


class Source(Protocol):
    """Anything that names reference images."""

    def images(self) -> Iterator[SourceImage]:
        """Yield the pictures, in the same order on every run.

        Raises:
            SetupError: The source itself is missing, empty, malformed or contradicts itself.
        """
        ...
