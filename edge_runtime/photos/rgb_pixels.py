"""From a decoded image of any mode to RGB with 8 bits a channel.

Works in bands of rows, so that an image of 100 megapixels takes little memory beside its own.

Traps:
- A transparent PNG has a colour under its transparency.
- Some programs declare an alpha channel and leave it empty. Over white, such an image would be blank.
- Pillow's `convert("L")` clips 16-bit values at 255, which turns a scan white.
- Pillow inverts a TIFF in which 0 is white only up to 8 bits. It reads 12 bits as if white were 65,535.
- Pillow compares a PNG's transparent colour with pixels that it has scaled to 8 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.doubts import tell_doubt

if TYPE_CHECKING:
    from PIL.Image import Image

_MOST_BAND_PX = 4_000_000  # 16 MB as RGBA
_MOST_BITS = 16
_WHITE = 255
_WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")

# TIFF 6.0, sections 4, 8 and 19.
_BITS_PER_SAMPLE, _COMPRESSION, _PHOTOMETRIC, _PLANES, _SAMPLE_FORMAT = 258, 259, 262, 284, 339
_UNCOMPRESSED = 1
_WHITE_IS_ZERO, _SEPARATE_PLANES, _SIGNED = 0, 2, 2
_PNG_BITS_AT = 24  # of a file: the bit depth in IHDR


@dataclass(frozen=True, slots=True, kw_only=True)
class GreyScale:
    """What the numbers of an image with more than 8 bits a channel mean.

    Attributes:
        white: The number that is white, or black if `is_inverted`.
        is_inverted: Whether 0 is white.
    """

    white: int = 2**_MOST_BITS - 1
    is_inverted: bool = False


def grey_scale(image: Image, *, name: str) -> GreyScale:
    """Return what the numbers of an image mean. Call it before the pixels are decoded.

    Args:
        image: An image that was opened.
        name: The image's name in error messages.

    Raises:
        PhotoError: Pillow would misread it: 16 bits a channel in separate planes, uncompressed.
    """
    tags = getattr(image, "tag_v2", None)
    if image.format != "TIFF" or tags is None:
        return GreyScale()
    bits = max(tags.get(_BITS_PER_SAMPLE, (1,)))
    is_plain = tags.get(_COMPRESSION, _UNCOMPRESSED) == _UNCOMPRESSED  # libtiff reads the others, and rightly
    if is_plain and bits > 8 and tags.get(_PLANES) == _SEPARATE_PLANES and len(image.getbands()) > 1:
        raise PhotoError(f"{name}: has {bits} bits a channel in separate planes; save it with 8 bits a channel")
    used = _MOST_BITS if bits > _MOST_BITS else bits - (_SIGNED in tags.get(_SAMPLE_FORMAT, ()))
    return GreyScale(white=2**used - 1, is_inverted=tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO)


def scale_transparent_colour(image: Image, data: bytes) -> None:
    """Scale a PNG's transparent colour as Pillow scales the pixels. Call it before the pixels are decoded.

    Args:
        image: An image that was opened; its `info` is changed.
        data: The file's bytes.
    """
    colour = image.info.get("transparency")
    if image.format != "PNG" or len(data) <= _PNG_BITS_AT:
        return
    bits = data[_PNG_BITS_AT]
    if image.mode == "L" and isinstance(colour, int) and bits < 8:
        image.info["transparency"] = colour * _WHITE // (2**bits - 1)
    elif image.mode == "RGB" and isinstance(colour, tuple) and bits == 16:
        image.info["transparency"] = tuple(value >> 8 for value in colour)


def as_rgb(image: Image, scale: GreyScale, *, name: str) -> Image:
    """Return a decoded image as RGB: transparency over white, 16 bits scaled to 8.

    An alpha channel that is 0 everywhere, over more than one colour, is taken for an empty one and ignored.

    Args:
        image: Of any mode.
        scale: What its numbers mean, from `grey_scale`.
        name: The image's name in messages.

    Raises:
        PhotoError: It has pixel values beyond 16 bits.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return _sixteen_bits_as_rgb(image, scale, name)
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        return _over_white(image, name)
    return image if image.mode == "RGB" else image.convert("RGB")


def _over_white(image: Image, name: str) -> Image:
    from PIL import Image as PillowImage

    flat = PillowImage.new("RGB", image.size)
    is_visible = False
    for box, band in _bands(image):
        rgba = band.convert("RGBA")
        is_visible = is_visible or rgba.getchannel("A").getbbox() is not None
        white = PillowImage.new("RGBA", rgba.size, (_WHITE, _WHITE, _WHITE, _WHITE))
        flat.paste(PillowImage.alpha_composite(white, rgba).convert("RGB"), box)
    return flat if is_visible else _opaque_if_coloured(image, flat, name)


def _opaque_if_coloured(image: Image, flat: Image, name: str) -> Image:
    """Return an image whose alpha is 0 everywhere: without alpha, or `flat` if it has one colour only."""
    colours = {_only_colour(band) for _, band in _bands(image)}
    if len(colours) == 1 and None not in colours:
        return flat
    for box, band in _bands(image):
        flat.paste(band.convert("RGBA").convert("RGB"), box)
    tell_doubt(name, "declares every pixel transparent; read as if it had no transparency")
    return flat


def _only_colour(image: Image) -> object:
    """Return the colour that all pixels have under their transparency; None if they differ."""
    colours = image.convert("RGBA").convert("RGB").getcolors(1)
    return None if colours is None else colours[0][1]


def _sixteen_bits_as_rgb(image: Image, scale: GreyScale, name: str) -> Image:
    import numpy as np
    from PIL import Image as PillowImage

    levels = np.rint(np.arange(scale.white + 1) * (_WHITE / scale.white)).astype(np.uint8)
    if scale.is_inverted:
        levels = _WHITE - levels
    transparent = image.info.get("transparency")
    if isinstance(transparent, int) and 0 <= transparent <= scale.white:
        levels[transparent] = _WHITE
    grey = PillowImage.new("L", image.size)
    for box, band in _bands(image):
        values = np.asarray(band)
        if image.mode == "F" or values.min() < 0 or values.max() > scale.white:
            raise PhotoError(f"{name}: has pixel values beyond 16 bits; save it with 8 bits a channel")
        grey.paste(PillowImage.fromarray(levels[values]), box)
    return grey.convert("RGB")


def _bands(image: Image) -> Iterator[tuple[tuple[int, int, int, int], Image]]:
    """Yield an image in bands of rows, with the box of each."""
    rows = max(1, _MOST_BAND_PX // image.width)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        yield box, image if box == (0, 0, *image.size) else image.crop(box)
