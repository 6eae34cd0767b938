"""The protocol of sources: a sequence of images, each with the reference that it shows.

A source is read in one pass. Several images may have the same reference; each of them then has all facts about it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Protocol
from urllib.parse import unquote, urlsplit

from edge_identify.edge_runtime.pack.references import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceImage:
    """One image of a source.

    Attributes:
        path: Absolute path. The file may be missing or broken.
        reference: The reference that it shows, with all facts of the source.
        origin: URL or object address that it was fetched from; None for a local file.
        problem: Why it cannot be used, in one line, if the source knows that already. The image is then skipped.
        source_path: Path within the source, relative, with forward slashes; None if there is none.
        licence: Licence of this image. None: the source gives no licence for any image of the reference. Empty: it
            gives one for other images only, so the reference's licence does not apply to this one.
        provenance: Author or origin; None if not given.
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
        """File name with its suffix, in its source."""
        return file_name_of(self.path, self.origin)


def unusable_image(path: Path, problem: str) -> SourceImage:
    """Return an entry of a source that names no image: it is skipped with its problem.

    Args:
        path: What is to be listed: a table, a folder.
        problem: Why it cannot be used, in one line.
    """
    return SourceImage(path=path, reference=Reference(id="", name=""), problem=problem)


def problems_of_shared_ids(ids: Mapping[str, str], what_to_do: str) -> dict[str, str]:
    """Return the problem of each file that has the same id as another: a name does not say that they show one thing.

    Args:
        ids: Default id by file or object.
        what_to_do: End of each problem.
    """
    files: dict[str, list[str]] = {}
    for file, identifier in ids.items():
        files.setdefault(identifier, []).append(file)
    return {
        file: f"{file}: has the id {identifier!r}, as {', '.join(each for each in same if each != file)}; {what_to_do}"
        for identifier, same in files.items()
        if len(same) > 1
        for file in same
    }


def file_name_of(path: Path, origin: str | None) -> str:
    """Return the file name of an image: from its path, or from the address that it was fetched from."""
    if origin is None:
        return path.name
    if origin.startswith(("http://", "https://")):
        return unquote(PurePosixPath(urlsplit(origin).path).name)
    return PurePosixPath(origin).name  # a bucket's keys are not percent-encoded


def path_within(written: PurePath) -> str | None:
    """Return a relative path, normalised, with forward slashes; None if it leaves the list's folder."""
    tidy = PurePath(os.path.normpath(written))
    return None if tidy.is_absolute() or ".." in tidy.parts else tidy.as_posix()


@dataclass(frozen=True, slots=True)
class ListedImages:
    """A source whose images are already known."""

    listed: tuple[SourceImage, ...]

    def images(self) -> Iterator[SourceImage]:
        """Yield the images."""
        yield from self.listed


class Source(Protocol):
    """A source of reference images."""

    def images(self) -> Iterator[SourceImage]:
        """Yield the images, in the same order on every run.

        Raises:
            SetupError: The source is missing, empty or malformed as a whole. A part that cannot be used is an image
                with a problem.
            NetworkError: The server of the source cannot be reached.
        """
        ...
