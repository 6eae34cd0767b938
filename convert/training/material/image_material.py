"""The photographs that the image tower learns from and is examined with, read once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.training.material.captions import read_pictures
from edge_identify.datasets.drawn.instances import SIDE_PX
from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Called with what is being done, how much of it, and out of how much.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Photographs:
    """Photographs, RGB, uint8 [height, width, 3], with SIDE_PX on the longer side.

    Attributes:
        learning: To learn from.
        held_out: To examine with.
    """

    learning: tuple[NDArray[np.uint8], ...]
    held_out: tuple[NDArray[np.uint8], ...]


def read_photographs(folder: Path, progress: Progress) -> Photographs:
    """Read the pictures that a training folder's `labels.jsonl` names.

    Raises:
        SetupError: The list or a picture cannot be read, or there are too few.
    """
    import numpy as np
    from PIL import ImageOps

    from edge_identify.edge_runtime.photos.images import open_image

    learning: list[NDArray[np.uint8]] = []
    held_out: list[NDArray[np.uint8]] = []
    pictures = read_pictures(folder)
    for number, picture in enumerate(pictures, start=1):
        small = ImageOps.contain(open_image(picture.path), (SIDE_PX, SIDE_PX)).convert("RGB")
        (held_out if picture.is_held_out else learning).append(np.asarray(small))
        progress("reading photographs", number, len(pictures))
    if not learning or not held_out:
        raise SetupError(f"{folder}: {len(pictures)} photographs are too few; one in 16 is held out to examine with")
    return Photographs(learning=tuple(learning), held_out=tuple(held_out))
