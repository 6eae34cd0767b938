"""Writing a pack's self-test: three drawn photos, and what the pack's encoder makes of them.

The photos are the project's own drawings, the same in every pack: no reference picture leaves with the self-test.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.datasets.demo import draw_conformance_photos
from edge_identify.edge_runtime.conformance import ConformanceCase, serialise_cases
from edge_identify.edge_runtime.durable import sha256_of_bytes, write_bytes
from edge_identify.edge_runtime.images import decode_image
from edge_identify.edge_runtime.preprocessing import Preprocessing, preprocess

if TYPE_CHECKING:
    from edge_identify.convert.export.variants import ExportedVariant

CASES_FILE = "conformance/cases.json"

#: The least cosine between this device's embedding and the maker's: what the fidelity gate asks of the worst picture of
#: an int8 variant, since a device may keep another variant than the one that wrote the cases. Measured on these photos:
#: red and blue swapped gives at most .20 with the built-in encoder and falls below on some photo with a random ViT-B-32
#: (.08) and RN50 (.72); a photo that is not turned upright is caught with the built-in one (.905) and not with a random
#: ViT-B-32 (.974); the bilinear filter (.998) is not: `pixels_sha256` is for that.
TOLERANCE = 0.93


def write_conformance(folder: Path, embedder: ExportedVariant, recipe: Preprocessing) -> str:
    """Write the self-test into a pack's folder.

    Args:
        folder: The pack's folder.
        embedder: The variant that made the index.
        recipe: From picture to pixels.

    Returns:
        The path of the cases in the pack.
    """
    place = folder / CASES_FILE
    place.parent.mkdir()
    cases = []
    for name, data in draw_conformance_photos():
        photo = place.parent / name
        write_bytes(photo, data)
        pixels = preprocess(decode_image(data, name=name), recipe)
        (embedding,) = embedder.embed(pixels[None])
        cases.append(
            ConformanceCase(
                photo=photo.relative_to(folder).as_posix(),
                pixels_sha256=sha256_of_bytes(pixels.tobytes()),
                embedding=tuple(embedding.tolist()),
            )
        )
    write_bytes(place, serialise_cases(tuple(cases), tolerance=TOLERANCE))
    return CASES_FILE
