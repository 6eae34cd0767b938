"""The images below a folder, and what else is there.

Traps: `os.walk` passes over unreadable folders silently unless it has `onerror`. A link may lead to a folder above
itself. So links are followed after all real folders, each target once; a file then has the path without a link.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from edge_identify.edge_runtime.photos.passed_over import Kind, PassedOver, name_to_tell, reason_to_pass_over


@dataclass(slots=True, kw_only=True)
class FolderImages:
    """The images below a folder. Read `paths` first; the other attributes are complete then.

    Attributes:
        root: The folder.
        recursive: Whether subfolders are read.
        exclude: Patterns of files and folders to leave out; see `reason_to_pass_over`.
        unreadable: Errors of the folders that cannot be read.
        passed_over: The files and folders that are passed over.
    """

    root: Path
    recursive: bool = True
    exclude: tuple[str, ...] = ()
    unreadable: list[OSError] = field(default_factory=list)
    passed_over: PassedOver = field(default_factory=PassedOver)
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def paths(self) -> list[Path]:
        """Return the paths of all images, sorted by their parts, each beginning with `root` as it was given."""
        self._seen |= {above for folder in self.root.resolve().parents if (above := _identity(folder)) is not None}
        found: list[Path] = []
        waiting = deque([self.root])
        while waiting:
            found.extend(self._walk(waiting.popleft(), waiting))
        return sorted(found, key=lambda path: path.relative_to(self.root).parts)

    def _walk(self, start: Path, links: deque[Path]) -> Iterator[Path]:
        for folder, folder_names, file_names in os.walk(start, onerror=self.unreadable.append):
            identity = _identity(Path(folder))
            if identity is not None and identity in self._seen:
                self.passed_over.add(Kind.LINK, Path(folder).name)
                folder_names.clear()
                continue
            if identity is not None:
                self._seen.add(identity)
            folder_names[:] = sorted(
                name for name in folder_names if self.recursive and self._is_wanted(Path(folder, name), is_folder=True)
            )
            links.extend(Path(folder, name) for name in folder_names if _is_link(Path(folder, name)))
            for name in file_names:
                if self._is_wanted(path := Path(folder, name), is_folder=False):
                    yield path

    def _is_wanted(self, path: Path, *, is_folder: bool) -> bool:
        within = PurePosixPath(path.relative_to(self.root).as_posix())
        kind = reason_to_pass_over(within, exclude=self.exclude, is_folder=is_folder)
        if kind is not None:
            self.passed_over.add(kind, name_to_tell(within, kind))
        return kind is None


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError:  # its folder may be listed and not entered
        return False


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells a folder from all others; None if the disk does not say, or the folder is gone."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status.st_ino else None
