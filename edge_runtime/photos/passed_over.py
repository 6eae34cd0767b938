"""What a folder or a bucket holds beside the images that are read: counted, and told in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from edge_identify.edge_runtime.io.composed_text import composed
from edge_identify.edge_runtime.io.counted import plural
from edge_identify.edge_runtime.photos.images import SUFFIXES

_MOST_NAMED = 5  # endings and names in one line

#: Folders of storage systems, waste baskets and archives, in lower case. `lost+found` and `System Volume Information`
#: are not among them: they may hold what was rescued, and often may not be read, which is told.
_LITTER_FOLDERS = frozenset(
    {
        "@eadir", "@tmp", "@recycle", "@recently-snapshot", "@sharebin", "@sharesnap", "@__thumb",  # Synology, QNAP
        "#recycle", "#snapshot", "~snapshot",
        "$recycle.bin", "recycler", "recycled",  # Windows
        "__macosx", "network trash folder", "temporary items", "ipod photo cache",  # Apple
    }
)  # fmt: skip
_LITTER_FILES = frozenset({"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r"})
_LITTER_BEGINNINGS = ("._", ".trash", "synophoto_thumb", "synoindex_", "~$")
_LITTER_ENDINGS = (".lrdata", ".lrcat-data", ".cocatalog")  # folders of previews: Lightroom, Capture One
_PHOTOS_LIBRARY = ".photoslibrary"  # Apple Photos: beside the originals it holds several smaller copies of each image
_ORIGINALS = frozenset({"originals", "masters"})


class Kind(StrEnum):
    """Why something is passed over, in words that follow a number."""

    LITTER = "of a storage system or a waste basket"
    HIDDEN = "hidden"
    OTHER = "no image by its ending"
    EXCLUDED = "excluded"
    LINK = "link to a folder that is read already"


class PassedOver:
    """The files and folders that were passed over."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._counts: Counter[Kind] = Counter()
        self._names: dict[Kind, Counter[str]] = {kind: Counter() for kind in Kind}

    def add(self, kind: Kind, name: str) -> None:
        """Count one file or folder.

        Args:
            kind: Why it is passed over.
            name: What the line names: its name, or the ending of a file that is no image.
        """
        self._counts[kind] += 1
        self._names[kind][name] += 1

    @property
    def total(self) -> int:
        """How many files and folders were passed over; a folder counts once, whatever it holds."""
        return self._counts.total()

    def __str__(self) -> str:
        """Return all counts on one line, such as `1 of a storage system or a waste basket (@eaDir), 2 hidden`."""
        return ", ".join(self._told(kind) for kind in Kind if self._counts[kind])

    def _told(self, kind: Kind) -> str:
        count = self._counts[kind]
        words = {
            Kind.OTHER: plural(count, "no image by its ending", "no images by their ending"),
            Kind.LINK: plural(count, kind, "links to folders that are read already"),
        }.get(kind, str(kind))
        names = [name for name, _ in self._names[kind].most_common(_MOST_NAMED)]
        more = ", ..." if len(self._names[kind]) > _MOST_NAMED else ""
        return f"{count} {words}" + ("" if kind is Kind.HIDDEN else f" ({', '.join(names)}{more})")


def reason_to_pass_over(path: PurePosixPath, *, exclude: Sequence[str] = (), is_folder: bool = False) -> Kind | None:
    """Return why a file or a folder is passed over, or None.

    Args:
        path: Path within the folder that is read. Patterns with `/` judge all of it, all else judges its last part.
        exclude: Patterns as `fnmatch` has them. One without `/` is compared with the name, one with `/` with the path.
        is_folder: Whether it is a folder; only files need the ending of an image.
    """
    name = path.name
    plain = name.lower()
    if plain.startswith(_LITTER_BEGINNINGS) or (_is_litter_folder(path) if is_folder else plain in _LITTER_FILES):
        return Kind.LITTER
    if name.startswith("."):
        return Kind.HIDDEN
    if any(_matches(path, pattern) for pattern in exclude):
        return Kind.EXCLUDED
    return None if is_folder or path.suffix.lower() in SUFFIXES else Kind.OTHER


def _is_litter_folder(path: PurePosixPath) -> bool:
    plain = path.name.lower()
    is_copy = path.parent.name.lower().endswith(_PHOTOS_LIBRARY) and plain not in _ORIGINALS
    return is_copy or plain in _LITTER_FOLDERS or plain.endswith(_LITTER_ENDINGS)


def name_to_tell(path: PurePosixPath, kind: Kind) -> str:
    """Return what `PassedOver.add` counts a path under: the ending of a file that is no image, else the name."""
    return (path.suffix.lower() or "no ending") if kind is Kind.OTHER else path.name


def first_reason(path: PurePosixPath, *, exclude: Sequence[str] = ()) -> tuple[Kind, PurePosixPath] | None:
    """Return why a file is passed over for its own name or that of a folder above it, and the path that says so."""
    for folder in reversed(path.parents[:-1]):
        if kind := reason_to_pass_over(folder, exclude=exclude, is_folder=True):
            return kind, folder
    kind = reason_to_pass_over(path, exclude=exclude)
    return None if kind is None else (kind, path)


def known_endings() -> str:
    """Return the endings of images, sorted, for messages."""
    return " ".join(sorted(SUFFIXES))


def _matches(path: PurePosixPath, pattern: str) -> bool:
    tidy = composed(pattern).removeprefix("./")
    with_folders = "/" in tidy.rstrip("/")
    tidy = tidy.strip("/")
    return fnmatchcase(composed(path.as_posix() if with_folders else path.name), tidy)
