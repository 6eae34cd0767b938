"""Effects between a scene and the file that a phone writes, one function for each.

The order matters: light on the scene, blur of the lens, noise of the sensor, compression. Noise before blur looks like
a painting.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from edge_identify.datasets.drawn.textures import as_image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

_SKIN_AND_THINGS = (
    (201, 152, 122),
    (122, 82, 60),
    (46, 48, 54),
    (58, 84, 44),
    (150, 150, 156),
    (176, 60, 48),
)


def occlude(image: Image, rng: np.random.Generator, *, chance: float) -> Image:
    """Add an out-of-focus object in front: a finger at the edge, a pole, or twigs from a corner.

    Args:
        image: RGB.
        rng: Random generator.
        chance: Probability of an object.

    Returns:
        RGB, same size. At most about a sixth is covered.
    """
    import PIL.Image
    from PIL import ImageDraw, ImageFilter

    if rng.uniform() >= chance:
        return image
    mask = PIL.Image.new("L", image.size, 0)
    draw_in_front = (_draw_finger, _draw_pole, _draw_twigs)[rng.integers(3)]
    draw_in_front(ImageDraw.Draw(mask), image.size, rng)
    soft = mask.filter(ImageFilter.GaussianBlur(max(image.size) * rng.uniform(0.003, 0.012)))
    red, green, blue = _SKIN_AND_THINGS[rng.integers(len(_SKIN_AND_THINGS))]
    return PIL.Image.composite(PIL.Image.new("RGB", image.size, (red, green, blue)), image, soft)


def light(image: Image, rng: np.random.Generator, difficulty: float) -> Image:
    """Change exposure, white balance, contrast and saturation; add a light or shadow edge."""
    import numpy as np

    pixels = np.asarray(image, dtype=np.float32) / 255
    pixels *= _illumination(image.size, rng, difficulty)
    gains = np.exp(rng.normal(0, 0.05 * difficulty, 3) + rng.normal(0, 0.14 * difficulty))
    pixels *= gains.astype(np.float32)
    grey = pixels.mean(axis=2, keepdims=True)
    pixels = grey + (pixels - grey) * np.float32(math.exp(rng.normal(-0.05, 0.16) * difficulty))
    middle = pixels.mean()
    pixels = middle + (pixels - middle) * np.float32(math.exp(rng.normal(-0.04, 0.12) * difficulty))
    curve = np.float32(math.exp(rng.normal(0, 0.1 * difficulty)))
    return as_image(np.clip(pixels, 0, 1) ** curve * np.float32(255))


def blur(image: Image, rng: np.random.Generator, difficulty: float) -> Image:
    """Add defocus blur and, in one photo of four, motion blur."""
    from PIL import ImageFilter

    focus_px = max(image.size) * rng.uniform(0.0004, 0.0022) * difficulty
    image = image.filter(ImageFilter.GaussianBlur(focus_px))
    if rng.uniform() < 0.25 * difficulty:
        image = _shake(image, rng, length_px=max(image.size) * rng.uniform(0.004, 0.012))
    return image


def sensor_noise(image: Image, rng: np.random.Generator, difficulty: float) -> Image:
    """Add sensor noise: shot noise that grows with brightness, and constant read noise."""
    import numpy as np

    pixels = np.asarray(image, dtype=np.float32)
    strength = rng.uniform(0.2, 1.0) * difficulty
    deviation = np.sqrt(pixels) * np.float32(0.55 * strength) + np.float32(2.0 * strength)
    return as_image(pixels + rng.standard_normal(pixels.shape, dtype=np.float32) * deviation)


def compress(image: Image, rng: np.random.Generator, difficulty: float) -> bytes:
    """Return an image as JPEG; ordinary photos have a quality of 55 to 92."""
    quality = int(max(20, 92 - 37 * difficulty * rng.uniform()))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _illumination(size: tuple[int, int], rng: np.random.Generator, difficulty: float) -> NDArray[np.float32]:
    import numpy as np

    width, height = size
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    direction, offset = rng.uniform(0, 2 * math.pi), rng.normal(0, 0.5)
    along = np.float32(math.cos(direction)) * x + np.float32(math.sin(direction)) * y
    field = 1 + along * np.float32(0.14 * difficulty * rng.uniform())
    if rng.uniform() < 0.4 * difficulty:  # a shadow edge: sharp from a near wall, soft from a tree
        depth, sharpness = rng.uniform(0.1, 0.45), rng.uniform(3, 30)
        # Logistic function as tanh, which does not overflow.
        lit_share = 0.5 - 0.5 * np.tanh((along - np.float32(offset)) * np.float32(sharpness / 2))
        field *= 1 - np.float32(depth) * (1 - lit_share)
    field *= 1 - np.float32(0.1 * difficulty * rng.uniform()) * (x * x + y * y)  # vignetting
    lit: NDArray[np.float32] = np.asarray(field, dtype=np.float32)[..., None]
    return lit


def _shake(image: Image, rng: np.random.Generator, *, length_px: float) -> Image:
    import numpy as np

    angle, steps = rng.uniform(0, math.pi), 5
    reach = math.ceil(length_px)
    rim = ((reach, reach), (reach, reach), (0, 0))
    padded = np.pad(np.asarray(image, dtype=np.float32), rim, mode="edge")
    total = np.zeros((image.height, image.width, 3), dtype=np.float32)
    for way in np.linspace(-0.5, 0.5, steps) * length_px:
        top, left = reach + round(way * math.sin(angle)), reach + round(way * math.cos(angle))
        total += padded[top : top + image.height, left : left + image.width]
    return as_image(total / np.float32(steps))


def _draw_finger(draw: ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    width, height = size
    x, y = rng.uniform(-0.05, 1.05) * width, rng.choice([-0.04, 1.04]) * height
    radius_x, radius_y = rng.uniform(0.1, 0.2) * width, rng.uniform(0.06, 0.16) * height
    draw.ellipse((x - radius_x, y - radius_y, x + radius_x, y + radius_y), fill=255)


def _draw_pole(draw: ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    width, height = size
    top, lean = rng.uniform(0.1, 0.9) * width, rng.normal(0, 0.05) * width
    draw.line((top, -10, top + lean, height + 10), fill=255, width=round(rng.uniform(0.03, 0.08) * width))


def _draw_twigs(draw: ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    width, height = size
    root_x, root_y = rng.choice([0, width]), rng.uniform(0, 1) * height
    for _ in range(int(rng.integers(12, 26))):
        x = root_x + rng.normal(0, 0.14) * width
        y = root_y + rng.normal(0, 0.14) * height
        length, angle = rng.uniform(0.02, 0.05) * max(size), rng.uniform(0, math.pi)
        dx, dy = length * math.cos(angle), length * math.sin(angle)
        leaf = [(x - dx, y - dy), (x - dy / 3, y + dx / 3), (x + dx, y + dy), (x + dy / 3, y - dx / 3)]
        draw.polygon(leaf, fill=255)
