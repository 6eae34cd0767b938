"""`images:DIR`: each image in a folder is a reference of its own.

Paths are sorted, since the listing order differs between disks. `cat.jpg` and `cat.png` would have the same id, so they
are refused. An unreadable subfolder is an error; `os.walk` skips it by default.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from edge_identify.datasets.sources.source import SourceImage
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.photos.images import SUFFIXES


@dataclass(frozen=True, slots=True)
class ImagesFolder:
    """A folder of images, one reference for each.

    The id is the path in the folder without its suffix, with forward slashes. The name is the file's stem.

    Attributes:
        folder: The folder.
        recursive: Whether subfolders are searched.
        label_from_folder: Whether `label` is the name of the image's folder.
    """

    folder: Path
    recursive: bool = True
    label_from_folder: bool = False

    def images(self) -> Iterator[SourceImage]:
        """Yield the images, sorted by path, without hidden files and folders.

        Raises:
            SetupError: The folder is missing, is a file, cannot be read or has no images, or two files have the same
                id.
        """
        root = Path(os.path.normpath(self.folder.absolute()))
        paths = self._image_paths(root)
        _refuse_shared_ids(root, paths)
        for path in paths:
            within = path.relative_to(root).as_posix()
            yield SourceImage(path=path, reference=self._reference(root, path), source_path=within)

    def _image_paths(self, root: Path) -> list[Path]:
        if not root.exists():
            raise SetupError(f"{self.folder}: no such folder")
        if not root.is_dir():
            raise SetupError(f"{self.folder}: is not a folder; for a list of images write image-list:{self.folder}")
        paths = sorted(_walk(root, recursive=self.recursive), key=lambda path: path.relative_to(root).parts)
        if not paths:
            where = "in it or its subfolders" if self.recursive else "directly in it"
            raise SetupError(f"{self.folder}: no image {where}; the known suffixes are {' '.join(sorted(SUFFIXES))}")
        return paths

    def _reference(self, root: Path, path: Path) -> Reference:
        labels = {"label": path.parent.name} if self.label_from_folder else {}
        return Reference(id=_id_of(root, path), name=path.stem, labels=labels)


def _walk(root: Path, *, recursive: bool) -> Iterator[Path]:
    for folder, folder_names, file_names in os.walk(root, onerror=_refuse_unreadable):
        visible = [name for name in folder_names if not name.startswith(".")]
        folder_names[:] = visible if recursive else []  # os.walk continues with the folders left in this list
        for name in file_names:
            path = Path(folder, name)
            if not name.startswith(".") and path.suffix.lower() in SUFFIXES:
                yield path


def _refuse_unreadable(error: OSError) -> NoReturn:
    raise SetupError(f"{error.filename}: the folder cannot be read ({error.strerror})") from error


def _id_of(root: Path, path: Path) -> str:
    return path.relative_to(root).with_suffix("").as_posix()


def _refuse_shared_ids(root: Path, paths: list[Path]) -> None:
    path_by_id: dict[str, Path] = {}
    for path in paths:
        other = path_by_id.setdefault(_id_of(root, path), path)
        if other is not path:
            raise SetupError(
                f"{other} and {path}: both have the id {_id_of(root, path)!r}; rename one, or write "
                "an image-list with an id column to say which reference each one shows"
            )
