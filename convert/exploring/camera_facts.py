"""Whether a camera wrote an image file: programs that copy or shrink a photo often drop its EXIF."""

from __future__ import annotations

import warnings
from pathlib import Path

from edge_identify.edge_runtime.photos.image_opening import FORMATS
from edge_identify.edge_runtime.photos.pillow_errors import PILLOW_RAISES

_EXIF_IFD = 0x8769
_MAKE, _TAKEN = 0x010F, 0x9003  # EXIF: maker of the camera; when the photo was taken


def has_camera_facts(path: Path) -> bool:
    """Return whether a file's EXIF names a camera or when the photo was taken; False if it cannot be read."""
    import PIL.Image

    try:
        with warnings.catch_warnings():  # Pillow warns about broken metadata
            warnings.simplefilter("ignore")
            with PIL.Image.open(path, formats=FORMATS) as image:
                if image.format == "PNG" and "exif" not in image.info:
                    return False  # `getexif` would decode all pixels, in search of EXIF behind them
                exif = image.getexif()
                return bool(exif.get(_MAKE) or exif.get_ifd(_EXIF_IFD).get(_TAKEN))
    except (*PILLOW_RAISES, PIL.Image.DecompressionBombError):
        return False
