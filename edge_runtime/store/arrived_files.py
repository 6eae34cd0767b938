"""The files of a new version that have arrived and are not installed yet, by their SHA-256.

They outlive a sync that the network or a person ended, and one whose self-test did not end or did not begin: the next
one goes on with them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from edge_identify.edge_runtime.pack.manifest import FileEntry


class ArrivedFiles:
    """A folder of files, each named by its SHA-256, with `.part` at the end while it is incomplete.

    `PartialFile` writes them, and beside an incomplete one where it came from.
    """

    def __init__(self, folder: Path) -> None:
        """Use a folder. Nothing is created or read yet."""
        self._folder = folder

    def path(self, entry: FileEntry) -> Path:
        """Return the place of a file."""
        return self._folder / entry.sha256

    def create(self) -> None:
        """Create the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def keep_only(self, entries: Iterable[FileEntry]) -> int:
        """Create the folder, and remove from it what belongs to none of some files.

        Args:
            entries: The files that will be fetched.

        Returns:
            How many bytes of them are here.
        """
        wanted = {entry.sha256 for entry in entries}
        self.create()
        here = 0
        for path in self._folder.iterdir():
            if path.name.partition(".")[0] in wanted:
                here += path.stat().st_size
            else:
                path.unlink()
        return here

    def place(self, entry: FileEntry, target: Path) -> None:
        """Put a whole file at `target` too. On a disk without hard links it is moved, not copied."""
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self.path(entry), target)
        except OSError:
            self.path(entry).replace(target)

    def take_back(self, entry: FileEntry, target: Path) -> None:
        """Undo `place` where it moved the file, so that it outlives the folder of `target`."""
        if not self.path(entry).exists():
            target.replace(self.path(entry))

    def remove(self) -> None:
        """Remove the folder with everything in it."""
        import shutil

        if self._folder.exists():
            shutil.rmtree(self._folder)
