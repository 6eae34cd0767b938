"""From what a person types, `images:DIR` or `image-list:FILE`, to a source.

The scheme is never guessed from the path: a folder that holds a list, and a list named like a folder, both
exist.
"""

from __future__ import annotations

from pathlib import Path

from edge_identify.datasets.sources.image_list import ImageList
from edge_identify.datasets.sources.images_folder import ImagesFolder
from edge_identify.datasets.sources.source import Source
from edge_identify.edge_runtime.errors import SetupError

KNOWN_FORMS = "images:DIR or image-list:FILE"


def parse_source(text: str, *, recursive: bool = True, label_from_folder: bool = False) -> Source:
    """Turn the text of a source into the source. The disk is not read yet.

    Args:
        text: `images:DIR` or `image-list:FILE`; a leading `~` is the home folder.
        recursive: For `images:`, whether folders inside the folder are searched too.
        label_from_folder: For `images:`, whether a picture's label is the name of the folder it lies in.

    Raises:
        SetupError: Any other scheme, no scheme, or nothing behind it.
    """
    scheme, colon, rest = text.partition(":")
    if not colon:
        raise SetupError(f"{text}: does not say what kind of source it is; write {KNOWN_FORMS}")
    if scheme not in ("images", "image-list"):
        raise SetupError(f"{text}: unknown kind of source {scheme!r}; the known ones are {KNOWN_FORMS}")
    if not rest:
        raise SetupError(f"{text}: names no path behind the colon; write {KNOWN_FORMS}")
    path = Path(rest).expanduser()
    if scheme == "image-list":
        return ImageList(path)
    return ImagesFolder(path, recursive=recursive, label_from_folder=label_from_folder)
