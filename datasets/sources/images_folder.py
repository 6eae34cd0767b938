"""`images:DIR`: each image in a folder is a reference of its own.

`cat.jpg` and `cat.png` would have the same id, so neither is read. Such files and an unreadable subfolder are images
with a problem: they are skipped and listed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge_identify.datasets.sources.source import SourceImage, problems_of_shared_ids, unusable_image
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.composed_text import composed
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.photos.folder_images import FolderImages
from edge_identify.edge_runtime.photos.passed_over import PassedOver, known_endings


@dataclass(frozen=True, slots=True)
class ImagesFolder:
    """A folder of images, one reference for each.

    The id is the path in the folder without its suffix, with forward slashes. The name is the file's stem.

    Attributes:
        folder: The folder.
        recursive: Whether subfolders are searched.
        label_from_folder: Whether `label` is the name of the image's folder.
        exclude: Patterns of files and folders to leave out; see `reason_to_pass_over`.
        passed_over: Counts what the folder holds beside the images.
    """

    folder: Path
    recursive: bool = True
    label_from_folder: bool = False
    exclude: tuple[str, ...] = ()
    passed_over: PassedOver = field(default_factory=PassedOver, compare=False)

    def images(self) -> Iterator[SourceImage]:
        """Yield the images, sorted by path, without hidden files and folders.

        Two files with the same id, and a subfolder that cannot be read, are images with a problem.

        Raises:
            SetupError: The folder is missing, is a file, cannot be read or has no images.
        """
        root = Path(os.path.normpath(self.folder.absolute()))
        found = self._found(root)
        ids = {path: _id_of(root, path) for path in found.paths()}
        self._refuse_nothing(found, len(ids))
        problems = problems_of_shared_ids({str(path): identifier for path, identifier in ids.items()}, _WHAT_TO_DO)
        for path, identifier in ids.items():
            yield SourceImage(
                path=path,
                reference=self._reference(path, identifier),
                source_path=composed(path.relative_to(root).as_posix()),
                problem=problems.get(str(path)),
            )
        for error in found.unreadable:
            folder = Path(error.filename)
            yield unusable_image(folder, f"{folder}: the folder cannot be read ({error.strerror})")

    def _found(self, root: Path) -> FolderImages:
        if not root.exists():
            raise SetupError(f"{self.folder}: no such folder")
        if not root.is_dir():
            raise SetupError(f"{self.folder}: is not a folder; for a list of images write image-list:{self.folder}")
        return FolderImages(root=root, recursive=self.recursive, exclude=self.exclude, passed_over=self.passed_over)

    def _refuse_nothing(self, found: FolderImages, count: int) -> None:
        if count:
            return
        if found.unreadable:
            error = found.unreadable[0]
            raise SetupError(f"{error.filename}: the folder cannot be read ({error.strerror})") from error
        where = "in it or its subfolders" if self.recursive else "directly in it"
        rest = f"; passed over: {found.passed_over}" if found.passed_over.total else ""
        raise SetupError(f"{self.folder}: no image {where}; the known suffixes are {known_endings()}{rest}")

    def _reference(self, path: Path, identifier: str) -> Reference:
        labels = {"label": composed(path.parent.name)} if self.label_from_folder else {}
        return Reference(id=identifier, name=composed(path.stem), labels=labels)


_WHAT_TO_DO = "rename one, or write an image-list with an id column to say which reference each one shows"


def _id_of(root: Path, path: Path) -> str:
    return composed(path.relative_to(root).with_suffix("").as_posix())
