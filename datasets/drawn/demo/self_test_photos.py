"""Three small photos that every pack can include for the self-test after an install.

They cover frequent client errors: a plain JPEG; a JPEG with an EXIF orientation; a PNG with a bright colour under
transparent pixels, which shows if a client drops alpha in place of compositing over white.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from edge_identify.datasets.drawn.demo.demo_mosaics import draw_cutout, draw_reference
from edge_identify.datasets.drawn.demo.demo_set import as_phone_writes_it
from edge_identify.datasets.drawn.demo.town import people_town

if TYPE_CHECKING:
    from PIL.Image import Image

LONG_SIDE_PX = 128  # a few kilobytes each; large enough to test resizing


def draw_conformance_photos(seed: int = 0) -> list[tuple[str, bytes]]:
    """Draw the photos.

    Args:
        seed: Not negative. The same seed gives the same bytes on every run on one machine.

    Returns:
        (file name, bytes) of a plain JPEG, a JPEG with EXIF orientation 6, and a PNG with transparency.
    """
    import numpy as np

    plain, turned, cut = (one.mosaic for one in people_town(np.random.default_rng([seed, 3]), 3, id_prefix=""))
    return [
        ("plain.jpg", as_phone_writes_it(draw_reference(plain, long_side_px=LONG_SIDE_PX), orientation=1)),
        ("turned.jpg", as_phone_writes_it(draw_reference(turned, long_side_px=LONG_SIDE_PX), orientation=6)),
        ("transparent.png", _with_hidden_colour(draw_cutout(cut, tile_px=8))),
    ]


def _with_hidden_colour(cutout: Image) -> bytes:
    import numpy as np
    import PIL.Image

    pixels = np.array(cutout)
    pixels[pixels[..., 3] == 0, :3] = (255, 0, 255)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()
