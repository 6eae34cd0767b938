r"""The image file that a table's text names, as the table's machine wrote it.

A table may come from Windows (`pictures\a.jpg`) or have its accents in another Unicode form than the disk. A path
that names a file as it is written goes before every other reading: `\` may be in a file's name.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PureWindowsPath
from urllib.parse import unquote, urlsplit

from edge_identify.datasets.sources.rows.row_facts import RowError
from edge_identify.datasets.sources.source import path_within
from edge_identify.edge_runtime.io.composed_text import composed

_WEB = ("http://", "https://")
_FILE_URL = "file:/"
_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\[^\\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenPath:
    """An image file as a row names it.

    Attributes:
        path: Absolute path. The file may be missing.
        written: The path as it was written, composed, with this system's separators; for ids and names.
        is_absolute: Whether it is absolute here or on Windows.
        problem: Why the path cannot be right on this machine, in one line; None for every other path.
    """

    path: Path
    written: PurePath
    is_absolute: bool
    problem: str | None = None

    @property
    def default_id(self) -> str:
        """The relative path without its suffix, or an absolute path's stem."""
        if self.is_absolute:
            return self.written.stem
        tidy = PurePath(os.path.normpath(self.written))
        return (tidy.parent / tidy.stem).as_posix()

    @property
    def source_path(self) -> str | None:
        """See `SourceImage.source_path`."""
        return None if self.is_absolute else path_within(self.written)


def _without_scheme(text: str) -> str:
    """Return the path of a `file:` URL, and any other text as it is."""
    if not text.lower().startswith(_FILE_URL):
        return text
    address = urlsplit(text)
    path = unquote(address.path)
    if _DRIVE.match(path[1:]):
        return path[1:]  # file:///C:/pictures
    on_this_machine = address.netloc.lower() in ("", "localhost")
    return path if on_this_machine else rf"\\{address.netloc}{path}"  # file://nas/share


@dataclass(slots=True)
class WrittenPaths:
    """Finds the files that a table names, relative to the folder of the table.

    Attributes:
        folder: Folder of the table.
    """

    folder: Path
    _base: Path = field(init=False)
    _folders: dict[Path, Path] = field(default_factory=dict)
    _names: dict[Path, tuple[dict[str, str], dict[str, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the folder absolute once."""
        self._base = self.folder.absolute()

    def find(self, text: str) -> WrittenPath:
        """Return the file that a text names.

        Raises:
            RowError: The text is no path.
        """
        if not text:
            raise RowError("has no path")
        if "\0" in text:
            raise RowError("has a NUL character in its path; the table is damaged or not text")
        if text.lower().startswith(_WEB):
            raise RowError("has a URL in place of a file; for URLs write urls:FILE")
        text = _without_scheme(text)
        has_drive = _DRIVE.match(text) is not None
        if os.sep == "\\" or not ("\\" in text or has_drive) or os.path.lexists(self._path(text)):
            return self._written(composed(text), self._path(text))
        if not has_drive:
            turned = text.replace("\\", "/")
            return self._written(composed(turned), self._path(turned))
        return WrittenPath(
            path=self._path(text),
            written=PurePath(*PureWindowsPath(composed(text)).parts[1:]),
            is_absolute=True,
            problem=f"{text}: is a path of a Windows machine, and this machine has no such file; copy the images here "
            "and write paths relative to the table",
        )

    def _path(self, text: str) -> Path:
        return Path(os.path.normpath(self._base / text))

    def _written(self, text: str, path: Path) -> WrittenPath:
        problem = None
        if not os.path.lexists(path):
            path, problem = self._found(path)
        written = PurePath(text)
        return WrittenPath(path=path, written=written, is_absolute=written.is_absolute(), problem=problem)

    def _found(self, path: Path) -> tuple[Path, str | None]:
        """Return a missing path as the disk spells it, and what to tell if only the case of letters differs."""
        folder = self._spelled(path.parent)
        exact, _ = self._names_in(folder)
        name = composed(path.name)
        if name in exact:
            return folder / exact[name], None
        other = self._in_any_case(path)
        if other is None:
            return path, None
        spelled = other.name if other.parent == folder else other
        return path, f"{path}: no such file; there is {spelled}, which differs in capital letters"

    def _in_any_case(self, path: Path) -> Path | None:
        """Return what the disk has under a path if capital letters do not count; None if it has nothing."""
        if path == path.parent or os.path.lexists(path):
            return path
        folder = self._in_any_case(path.parent)
        name = None if folder is None else self._names_in(folder)[1].get(composed(path.name).casefold())
        return None if folder is None or name is None else folder / name

    def _spelled(self, folder: Path) -> Path:
        """Return a folder as the disk spells it; each folder is listed once, however many rows name it."""
        if folder == folder.parent or os.path.lexists(folder):
            return folder
        if folder not in self._folders:
            parent = self._spelled(folder.parent)
            self._folders[folder] = parent / self._names_in(parent)[0].get(composed(folder.name), folder.name)
        return self._folders[folder]

    def _names_in(self, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
        """Return the names in a folder by their composed form, and by that form in small letters; listed once."""
        if folder not in self._names:
            try:
                names = sorted(entry.name for entry in folder.iterdir())
            except OSError:
                names = []
            exact = {composed(name): name for name in names}
            self._names[folder] = exact, {form.casefold(): name for form, name in exact.items()}
        return self._names[folder]
