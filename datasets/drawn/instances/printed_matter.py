"""Print on posters and packages: words, shapes and images, drawn onto a Pillow image in place.

Pillow includes one typeface. It is stretched, condensed, slanted and outlined for variety.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from edge_identify.datasets.drawn.instances.colours import choose_colour

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

    from edge_identify.datasets.drawn.instances.pixel_art import Images

Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels

_SYLLABLES = (
    "ba ko mi lu tra son ver del ni po ark el za fru to gi man que ril os che pan vit sol nor al mer oy eko".split()  # noqa: SIM905
)
_FONT_PX = 40  # drawn large, then reduced


def choose_words(rng: np.random.Generator, *, count: int) -> str:
    """Choose meaningless words in lower case, title case or capitals."""
    words = ["".join(rng.choice(_SYLLABLES, int(rng.integers(1, 4)))) for _ in range(count)]
    text = " ".join(words)
    return (text, text.title(), text.upper())[int(rng.integers(3))]


def print_words(rng: np.random.Generator, image: Image, box: Box, words: str) -> None:
    """Print words that fill the box's width or height, in a random colour."""
    import PIL.Image
    from PIL import ImageDraw
    from PIL.Image import Resampling, Transform

    font = _font()
    left, top, right, bottom = font.getbbox(words)
    slant = rng.uniform(-0.3, 0.3) if rng.uniform() < 0.3 else 0.0
    size = (int(right - left + 8 + abs(slant) * _FONT_PX), int(bottom - top + 8))
    mask = PIL.Image.new("L", size, 0)
    weight = int(rng.integers(0, 4))
    ImageDraw.Draw(mask).text((4 - left, 4 - top), words, fill=255, font=font, stroke_width=weight)
    if slant:
        mask = mask.transform(size, Transform.AFFINE, (1, slant, 0, 0, 1, 0), Resampling.BILINEAR)
    width, height = box[2] - box[0], box[3] - box[1]
    scale = min(width / size[0], height / size[1])
    stretched = (
        max(1, min(width, int(size[0] * scale * rng.uniform(0.9, 1.6)))),
        max(1, min(height, int(size[1] * scale * rng.uniform(0.9, 1.6)))),
    )
    mask = mask.resize(stretched, Resampling.BOX if scale < 1 else Resampling.BICUBIC)
    at = (box[0] + (width - mask.width) // 2, box[1] + (height - mask.height) // 2)
    image.paste(_as_ink(choose_colour(rng)), (*at, at[0] + mask.width, at[1] + mask.height), mask)


def print_shapes(rng: np.random.Generator, image: Image, count: int) -> None:
    """Print circles, bars, polygons and lines at random places."""
    import numpy as np
    from PIL import ImageDraw

    draw = ImageDraw.Draw(image)
    for _ in range(count):
        ink = _as_ink(choose_colour(rng))
        x, y = rng.uniform(0, 1, 2) * image.size
        reach = rng.uniform(0.03, 0.3) * max(image.size)
        shape = int(rng.integers(4))
        if shape == 0:
            draw.ellipse((x - reach / 2, y - reach / 2, x + reach / 2, y + reach / 2), fill=ink)
        elif shape == 1:
            draw.rectangle((x, y, x + reach, y + reach * rng.uniform(0.1, 1.5)), fill=ink)
        elif shape == 2:
            corners = np.array([x, y]) + rng.uniform(-reach, reach, (int(rng.integers(3, 7)), 2))
            draw.polygon([(float(a), float(b)) for a, b in corners], fill=ink)
        else:
            end = np.array([x, y]) + rng.uniform(-2 * reach, 2 * reach, 2)
            draw.line((x, y, float(end[0]), float(end[1])), fill=ink, width=int(rng.integers(1, 8)))


def print_image(rng: np.random.Generator, image: Image, box: Box, images: Images) -> None:
    """Print a piece of one of the images into the box. Does nothing without images or if the box is too small."""
    import PIL.Image
    from PIL.Image import Resampling

    size = (box[2] - box[0], box[3] - box[1])
    if not len(images) or min(size) < 2:
        return
    source = PIL.Image.fromarray(images[int(rng.integers(len(images)))])
    share = rng.uniform(0.4, 1)
    left, top = rng.uniform(0, 1 - share, 2) * source.size
    piece = (left, top, left + share * source.width, top + share * source.height)
    image.paste(source.resize(size, Resampling.BICUBIC, box=piece), box[:2])


def _as_ink(colour: NDArray[np.float32]) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in colour)
    return red, green, blue


@lru_cache(maxsize=1)
def _font() -> FreeTypeFont:
    from PIL import ImageFont

    font = ImageFont.load_default(_FONT_PX)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType; install Pillow from its published wheels")
    return font
