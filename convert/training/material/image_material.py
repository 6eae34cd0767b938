"""What the image tower learns from, read once: photographs, and a teacher's word on each and on pieces of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.training.material.captions import read_pictures
from edge_identify.convert.training.material.image_batches import KnownThings
from edge_identify.convert.training.material.teacher import teach, whitened
from edge_identify.datasets.drawn.instances import SIDE_PX
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file, write_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Called with what is being done, how much of it, and out of how much.
Progress = Callable[[str, int, int], None]

_TARGETS = "targets"


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


def ask_teacher(
    teacher: Path, known: KnownThings, *, dim: int, kept_in: Path, progress: Progress
) -> NDArray[np.float32]:
    """Return the teacher's whitened word on each known thing, [things, dim], each of length 1.

    Args:
        teacher: See `teacher.teach`.
        known: What it is asked about.
        dim: Length of its word.
        kept_in: Where the answer is kept, for asking takes minutes (.safetensors).
        progress: Told how far it is.

    Raises:
        SetupError: The teacher cannot be used.
    """
    import numpy as np
    from safetensors import safe_open
    from safetensors.numpy import save

    if not teacher.is_file():
        raise SetupError(f"{teacher}: there is no such file; --teacher wants an image encoder as ONNX")
    question = f"{sha256_of_file(teacher)} {len(known)} {known.seed} {dim}"
    if kept_in.is_file():
        with safe_open(kept_in, framework="np") as file:
            if (file.metadata() or {}).get("question") == question:
                kept: NDArray[np.float32] = file.get_tensor(_TARGETS)
                return kept
    outputs = teach(
        teacher,
        (known.clean_square(number) for number in range(len(known))),
        progress=lambda done: progress("asking the teacher", done, len(known)),
    )
    targets = whitened(outputs, dim)
    write_bytes(kept_in, save({_TARGETS: np.ascontiguousarray(targets)}, metadata={"question": question}))
    return targets
