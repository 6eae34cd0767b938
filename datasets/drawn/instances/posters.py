"""Drawn posters, paintings, signs and covers: flat things with print and images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_identify.datasets.drawn.instances.colours import choose_colour
from edge_identify.datasets.drawn.instances.printed_matter import choose_words, print_image, print_shapes, print_words
from edge_identify.datasets.drawn.textures import as_image, smooth_noise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.datasets.drawn.instances.pixel_art import Images


def draw_poster(rng: np.random.Generator, *, side_px: int, images: Images) -> NDArray[np.uint8]:
    """Draw a poster in portrait, landscape or square format.

    Args:
        rng: Random generator.
        side_px: Side of the image.
        images: Images to print on it; may be empty.

    Returns:
        uint8 [side, side, 4], RGBA. Around the poster it is transparent, with the colour of a plain backdrop.
    """
    import numpy as np
    import PIL.Image

    width, height = (int(side_px * min(1.0, share)) for share in np.exp(rng.normal(0.05, 0.25, 2)))
    longer = max(width, height)
    size = (width * side_px // longer, height * side_px // longer)
    poster = _ground(rng, size, images)
    print_shapes(rng, poster, int(rng.integers(0, 14)))
    if rng.uniform() < 0.4:
        print_image(rng, poster, _box(rng, size, least=0.2), images)
    for _ in range(int(rng.integers(0, 5))):
        print_words(rng, poster, _line(rng, size), choose_words(rng, count=int(rng.integers(1, 4))))
    red, green, blue = (255, 255, 255) if rng.uniform() < 0.5 else choose_colour(rng).astype(int).tolist()
    sheet = PIL.Image.new("RGBA", (side_px, side_px), (red, green, blue, 0))
    sheet.paste(poster, ((side_px - size[0]) // 2, (side_px - size[1]) // 2))
    return np.asarray(sheet)


def _ground(rng: np.random.Generator, size: tuple[int, int], images: Images) -> Image:
    import numpy as np

    choice = rng.uniform()
    tone = np.broadcast_to(choose_colour(rng), (size[1], size[0], 3))
    if choice < 0.3:
        return as_image(tone)
    if choice < 0.65 and len(images):
        ground = as_image(tone)
        print_image(rng, ground, (0, 0, *size), images)
        return ground
    # Brush strokes: low-frequency colours with higher frequencies on top.
    slow = smooth_noise(rng, size, cells=int(rng.integers(2, 5)), channels=3) * np.float32(rng.uniform(20, 80))
    fast = smooth_noise(rng, size, cells=int(rng.integers(8, 30)), channels=3) * np.float32(rng.uniform(5, 50))
    return as_image(tone + slow + fast)


def _box(rng: np.random.Generator, size: tuple[int, int], *, least: float) -> tuple[int, int, int, int]:
    width, height = (int(side * rng.uniform(least, 0.9)) for side in size)
    left, top = int(rng.integers(0, size[0] - width)), int(rng.integers(0, size[1] - height))
    return left, top, left + width, top + height


def _line(rng: np.random.Generator, size: tuple[int, int]) -> tuple[int, int, int, int]:
    height = int(size[1] * rng.uniform(0.07, 0.3))
    top = int(rng.integers(0, size[1] - height))
    return int(0.03 * size[0]), top, int(0.97 * size[0]), top + height
