"""Write the demo set: reference images, simulated photos, and two lists.

`references.csv` is an image list (`image-list:FOLDER/references.csv`). `queries.csv` is input of `edge-build evaluate`.
Some photos show mosaics without a reference, to test the decision "unknown"; their `id` is empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.datasets.drawn.demo.demo_mosaics import Mosaic, draw_cutout, draw_reference
from edge_identify.datasets.drawn.demo.town import Inhabitant, people_town
from edge_identify.datasets.drawn.simulated_photo import simulate_photo
from edge_identify.datasets.drawn.walls import draw_wall
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.durable_writes import write_bytes
from edge_identify.edge_runtime.io.progress import Progress, no_progress

if TYPE_CHECKING:
    from PIL.Image import Image

LICENCE = "CC0-1.0"
PHOTOS_PER_MOSAIC = 2
NOT_IN_SET = "not-in-set"  # kind of photos without a reference

_ENDINGS = ("jpg", "png", "webp")  # reference images take these formats in turn
_ORIENTATION_TAG = 0x0112
_ORIENTATIONS = (1, 6, 1, 8, 3)  # EXIF orientations in turn: upright twice in five, both sides, upside down


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSet:
    """A demo set on the disk.

    Attributes:
        references: The image list of the reference images.
        queries: The list of photos, with columns query, id, kind.
        reference_count: Number of mosaics with a reference image.
        photo_count: Number of photos of these mosaics.
        unknown_photo_count: Number of photos of other mosaics.
    """

    references: Path
    queries: Path
    reference_count: int
    photo_count: int
    unknown_photo_count: int


def draw_demo_set(folder: Path, *, count: int = 60, seed: int = 0, progress: Progress = no_progress) -> DemoSet:
    """Draw mosaics and photos of them into a folder.

    Args:
        folder: Made if necessary. Existing files of the same names are replaced.
        count: Number of mosaics with a reference image, at least 1. A tenth as many more appear only in photos.
        seed: Not negative. The same seed gives the same bytes on every run on one machine.
        progress: Shows the progress over the mosaics.

    Returns:
        The paths of the lists, and the counts.

    Raises:
        SetupError: `count` is less than 1, or the folder cannot be written.
    """
    import numpy as np

    if count < 1:
        raise SetupError(f"a drawn set of {count} mosaics: give a count of at least 1")
    known = people_town(np.random.default_rng([seed, 0]), count, id_prefix="mosaic")
    strangers = people_town(np.random.default_rng([seed, 1]), max(1, count // 10), id_prefix="stranger")
    try:
        references = _write_references(folder, known, progress)
        queries = _write_photos(folder, known, strangers, progress)
    except OSError as error:
        raise SetupError(f"{folder}: the drawn set cannot be written there ({error})") from error
    return DemoSet(
        references=references,
        queries=queries,
        reference_count=len(known),
        photo_count=len(known) * PHOTOS_PER_MOSAIC,
        unknown_photo_count=len(strangers) * PHOTOS_PER_MOSAIC,
    )


def _write_references(folder: Path, known: Sequence[Inhabitant], progress: Progress) -> Path:
    (folder / "references").mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, ...]] = [("path", "id", "name", "label", "lat", "lng", "licence", "design", "wall")]
    for number, inhabitant in enumerate(progress("drawing references", known)):
        path = f"references/{inhabitant.id}.{_ENDINGS[number % len(_ENDINGS)]}"
        image = draw_reference(inhabitant.mosaic, long_side_px=300 + inhabitant.mosaic.seed % 101)
        write_bytes(folder / path, _encoded(image, path))
        rows.append(_reference_row(path, inhabitant))
    return _write_table(folder / "references.csv", rows)


def _reference_row(path: str, inhabitant: Inhabitant) -> tuple[str, ...]:
    return (
        path,
        inhabitant.id,
        inhabitant.name,
        "street mosaic",
        str(inhabitant.latitude),
        str(inhabitant.longitude),
        LICENCE,
        inhabitant.design,
        str(inhabitant.mosaic.wall.kind),
    )


def _write_photos(
    folder: Path, known: Sequence[Inhabitant], strangers: Sequence[Inhabitant], progress: Progress
) -> Path:
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    rows = [("query", "id", "kind")]
    shown = [(one, one.id, one.kind) for one in known] + [(one, "", NOT_IN_SET) for one in strangers]
    for inhabitant, answer, kind in progress("drawing photos", shown):
        for number in range(1, PHOTOS_PER_MOSAIC + 1):
            path = f"photos/{inhabitant.id}-{number}.jpg"
            write_bytes(folder / path, _photograph(inhabitant.mosaic, number))
            rows.append((path, answer, kind))
    return _write_table(folder / "queries.csv", rows)


def _photograph(mosaic: Mosaic, number: int) -> bytes:
    import numpy as np

    rng = np.random.default_rng([mosaic.seed, 1 + number])
    long_side_px = int(rng.integers(600, 801))
    wall_px = long_side_px * 3 // 4  # the lens blurs finer grain anyway
    wall = draw_wall(mosaic.wall, rng, (wall_px, wall_px))
    photo = simulate_photo(draw_cutout(mosaic, tile_px=36), rng, background=wall, long_side_px=long_side_px)
    return as_phone_writes_it(photo, orientation=_ORIENTATIONS[int(rng.integers(len(_ORIENTATIONS)))])


def as_phone_writes_it(upright: Image, *, orientation: int) -> bytes:
    """Return a JPEG with pixels in sensor orientation and an EXIF orientation, as phones write it."""
    import PIL.Image
    from PIL.Image import Transpose

    turns = {6: Transpose.ROTATE_90, 8: Transpose.ROTATE_270, 3: Transpose.ROTATE_180}
    stored = upright.transpose(turns[orientation]) if orientation in turns else upright
    exif = PIL.Image.Exif()
    exif[_ORIENTATION_TAG] = orientation
    file = io.BytesIO()
    stored.save(file, "JPEG", quality=90, exif=exif)
    return file.getvalue()


def _encoded(image: Image, path: str) -> bytes:
    file = io.BytesIO()
    if path.endswith(".png"):
        image.save(file, "PNG")
    else:
        image.save(file, "JPEG" if path.endswith(".jpg") else "WEBP", quality=90)
    return file.getvalue()


def _write_table(path: Path, rows: Iterable[Sequence[str]]) -> Path:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_bytes(path, text.getvalue().encode())
    return path
