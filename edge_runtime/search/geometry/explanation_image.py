"""An image that explains a geometric match: photo and reference side by side, agreeing points, and the outline."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.io.counted import counted, plural

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

    from edge_identify.edge_runtime.search.geometry.verifier import Comparison

MARGIN_PX = 16  # around and between the images
LINE_PX = 28  # height of a line of text
HEIGHT_PX = 420  # of both images, unless one is too wide
MOST_WIDTH_PX = 720

_PAPER, _INK, _OUTLINE, _ABSENT = "#ffffff", "#111111", "#00c853", "#dddddd"
#: Colours of neighbouring lines, distinct also for colour-blind people (Okabe and Ito, 2008).
_LINES = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
_MOST_LINES = 60  # more would hide the images; every point keeps its dot
_DOT_PX = 2
_TEXT_PX, _SPACE_PX = 16, 6
_CUT_PX = 16  # left for three dots


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    """One of the two images on the canvas.

    Attributes:
        image: As shown.
        corner: Its upper left corner on the canvas.
        scale: From pixels of the points to pixels of the canvas.
    """

    image: Image
    corner: tuple[int, int]
    scale: float

    def on_canvas(self, positions: NDArray[np.float32]) -> list[tuple[float, float]]:
        """Return positions on the canvas; pixel centres are whole numbers in the image only."""
        return [
            ((x + 0.5) * self.scale + self.corner[0], (y + 0.5) * self.scale + self.corner[1])
            for x, y in positions.tolist()
        ]


def explain(comparison: Comparison, *, name: str, decision: str) -> bytes:
    """Return a comparison as PNG bytes: a title above each image, and what was found below.

    Args:
        comparison: The photo and the reference.
        name: The reference's name.
        decision: The decision in a few words.
    """
    from PIL import Image as PillowImage
    from PIL import ImageDraw

    photo = _panel(comparison.photo, comparison.photo.size, left=MARGIN_PX)
    reference = _panel(comparison.reference, comparison.reference_size, left=photo.image.width + 2 * MARGIN_PX)
    width = reference.corner[0] + reference.image.width + MARGIN_PX
    height = max(photo.image.height, reference.image.height) + 2 * MARGIN_PX + 2 * LINE_PX
    canvas = PillowImage.new("RGB", (width, height), _PAPER)
    canvas.paste(_outlined(photo, comparison), photo.corner)
    canvas.paste(reference.image, reference.corner)
    draw = ImageDraw.Draw(canvas)
    _draw_agreement(draw, comparison, photo, reference)
    _write(draw, (photo.corner[0], MARGIN_PX), "photo", photo.image.width)
    _write(draw, (reference.corner[0], MARGIN_PX), f"reference: {name}", reference.image.width)
    _write(draw, (MARGIN_PX, height - MARGIN_PX - _TEXT_PX), f"{decision}; {_found(comparison)}", width - 2 * MARGIN_PX)
    stream = io.BytesIO()
    canvas.save(stream, "PNG")
    return stream.getvalue()


def _panel(image: Image | None, size: tuple[int, int], *, left: int) -> _Panel:
    """Return an image at its size on the canvas; a grey area of the same shape if there is none."""
    from PIL import Image as PillowImage

    scale = min(HEIGHT_PX / size[1], MOST_WIDTH_PX / size[0])
    shown = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    corner = left, MARGIN_PX + LINE_PX
    if image is None:
        return _Panel(image=PillowImage.new("RGB", shown, _ABSENT), corner=corner, scale=scale)
    return _Panel(image=image.resize(shown, PillowImage.Resampling.BICUBIC), corner=corner, scale=scale)


def _outlined(photo: _Panel, comparison: Comparison) -> Image:
    """Return the photo with the reference's outline, clipped at the photo's edges."""
    from PIL import ImageDraw

    image = photo.image.copy()
    if comparison.agreement is not None:
        corners = [((x + 0.5) * photo.scale, (y + 0.5) * photo.scale) for x, y in comparison.agreement.outline.tolist()]
        ImageDraw.Draw(image).line([*corners, corners[0]], fill=_OUTLINE, width=3)
    return image


def _draw_agreement(draw: ImageDraw, comparison: Comparison, photo: _Panel, reference: _Panel) -> None:
    agreement = comparison.agreement
    if agreement is None:
        return
    starts, ends = photo.on_canvas(agreement.in_photo), reference.on_canvas(agreement.in_reference)
    step = max(1, -(-agreement.count // _MOST_LINES))
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        colour = _LINES[number % len(_LINES)]
        if number % step == 0:
            draw.line([start, end], fill=colour)
        for x, y in (start, end):
            draw.ellipse([x - _DOT_PX, y - _DOT_PX, x + _DOT_PX, y + _DOT_PX], outline=colour)


def _write(draw: ImageDraw, at: tuple[int, int], text: str, width_px: int) -> None:
    """Write one line of text, cut where it would not fit.

    Word by word: at this size, the font's own space is nearly invisible.
    """
    font = _font()
    x, end = float(at[0]), at[0] + width_px
    for word in text.split():
        length = draw.textlength(word, font=font)
        if x + length > end - _CUT_PX:
            draw.text((x, at[1]), "...", fill=_INK, font=font)
            return
        draw.text((x, at[1]), word, fill=_INK, font=font)
        x += length + _SPACE_PX


@cache
def _font() -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(_TEXT_PX)


def _found(comparison: Comparison) -> str:
    lacks = "" if comparison.reference is not None else "the pack has no thumbnail of this reference; "
    if comparison.agreement is None:
        return f"{lacks}no points agree, or no more than by chance"
    count = comparison.agreement.count
    points = f"{counted(count, 'point')} {plural(count, 'agrees', 'agree')}"
    return f"{lacks}{points}; the green outline shows the reference in the photo"
