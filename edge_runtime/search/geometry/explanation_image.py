"""An image that explains a geometric match: photo and reference side by side, agreeing points, and the outline."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.io.counted import counted, plural
from edge_identify.edge_runtime.search.geometry.point_agreement import Agreement

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    from edge_identify.edge_runtime.search.geometry.verifier import Comparison

MARGIN_PX = 16  # around and between the images
CAPTION_PX = 32  # height of the caption below them
LEAST_SIDE_PX = 320  # least longer side of the reference; a smaller thumbnail is enlarged

_PAPER, _INK, _OUTLINE = "#ffffff", "#111111", "#00c853"
#: Colours of neighbouring lines, distinct also for colour-blind people (Okabe and Ito, 2008).
_LINES = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
_MOST_LINES = 60  # more would hide the images; every point keeps its dot
_DOT_PX = 2


def explain(comparison: Comparison) -> bytes:
    """Return a comparison as PNG bytes.

    The width is that of both images and three margins. The height is that of the higher image, two margins and the
    caption.
    """
    from PIL import Image as PillowImage
    from PIL import ImageDraw

    photo = comparison.photo
    reference, enlarged = _shown_reference(comparison)
    width = photo.width + reference.width + 3 * MARGIN_PX
    height = max(photo.height, reference.height) + 2 * MARGIN_PX + CAPTION_PX
    canvas = PillowImage.new("RGB", (width, height), _PAPER)
    photo_corner, reference_corner = (MARGIN_PX, MARGIN_PX), (photo.width + 2 * MARGIN_PX, MARGIN_PX)
    canvas.paste(_outlined(comparison), photo_corner)
    canvas.paste(reference, reference_corner)
    draw = ImageDraw.Draw(canvas)
    if comparison.agreement is not None:
        _draw_agreement(draw, comparison.agreement, photo_corner, reference_corner, enlarged)
    draw.text((MARGIN_PX, height - CAPTION_PX), _caption(comparison), fill=_INK)
    stream = io.BytesIO()
    canvas.save(stream, "PNG")
    return stream.getvalue()


def _outlined(comparison: Comparison) -> Image:
    """Return the photo with the reference's outline, clipped at the photo's edges."""
    from PIL import ImageDraw

    photo = comparison.photo.copy()
    if comparison.agreement is not None:
        corners = [(x, y) for x, y in comparison.agreement.outline.tolist()]
        ImageDraw.Draw(photo).line([*corners, corners[0]], fill=_OUTLINE, width=3)
    return photo


def _shown_reference(comparison: Comparison) -> tuple[Image, float]:
    """Return the reference's thumbnail as shown, and its scale; a grey square if the pack has no thumbnail."""
    from PIL import Image as PillowImage

    thumbnail = comparison.reference
    if thumbnail is None:
        return PillowImage.new("RGB", (LEAST_SIDE_PX, LEAST_SIDE_PX), "#dddddd"), 1.0
    enlarged = max(1.0, LEAST_SIDE_PX / max(thumbnail.size))
    size = round(thumbnail.width * enlarged), round(thumbnail.height * enlarged)
    return thumbnail.resize((max(1, size[0]), max(1, size[1])), PillowImage.Resampling.BICUBIC), enlarged


def _draw_agreement(
    draw: ImageDraw,
    agreement: Agreement,
    photo_corner: tuple[int, int],
    reference_corner: tuple[int, int],
    enlarged: float,
) -> None:
    starts = [(x + photo_corner[0], y + photo_corner[1]) for x, y in agreement.in_photo.tolist()]
    ends = [
        ((x + 0.5) * enlarged + reference_corner[0], (y + 0.5) * enlarged + reference_corner[1])
        for x, y in agreement.in_reference.tolist()
    ]
    step = max(1, -(-agreement.count // _MOST_LINES))
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        colour = _LINES[number % len(_LINES)]
        if number % step == 0:
            draw.line([start, end], fill=colour)
        for x, y in (start, end):
            draw.ellipse([x - _DOT_PX, y - _DOT_PX, x + _DOT_PX, y + _DOT_PX], outline=colour)


def _caption(comparison: Comparison) -> str:
    if comparison.reference is None:
        return "the pack has no thumbnail of this reference"
    if comparison.agreement is None:
        return "no points agree, or no more than by chance"
    count = comparison.agreement.count
    points = f"{counted(count, 'point')} {plural(count, 'agrees', 'agree')}"
    return f"{points}; the green outline shows the reference in the photo"
