"""Walls of brick, plaster and stone, each with its own colours.

A `Wall` describes a wall; `draw_wall` draws a new piece of it each time, with the same kind of brick and other bricks.
So a photo shows another piece of the same wall than the reference image.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from edge_identify.datasets.drawn.textures import as_image, grain, smooth_noise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

Colour = tuple[float, float, float]  # red, green, blue, 0 to 255


class WallKind(StrEnum):
    """The material of a wall."""

    BRICK = "brick"
    PLASTER = "plaster"
    STONE = "stone"


# Ranges of hue, saturation and value of such walls, as (least, most).
_TONES = {
    WallKind.BRICK: ((0.01, 0.07), (0.3, 0.65), (0.4, 0.75)),
    WallKind.PLASTER: ((0.05, 0.16), (0.03, 0.3), (0.6, 0.95)),
    WallKind.STONE: ((0.06, 0.14), (0.05, 0.25), (0.4, 0.8)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """The description of a wall.

    Attributes:
        kind: Its material.
        tone: Colour of bricks, stones or plaster; RGB, 0 to 255.
        joint: Colour of the joints.
        course: Height of a brick, or typical size of a stone, relative to the longer side of the image.
        roughness: Strength of the grain, in grey levels.
        variety: Difference between bricks, relative to their brightness.
    """

    kind: WallKind
    tone: Colour
    joint: Colour
    course: float
    roughness: float
    variety: float


def choose_wall(rng: np.random.Generator, kind: WallKind) -> Wall:
    """Choose a wall of a material.

    Args:
        rng: Random generator.
        kind: The material.
    """
    hue, saturation, value = (rng.uniform(*limits) for limits in _TONES[kind])
    joint_value = min(0.95, max(0.2, value + rng.choice([-0.25, -0.15, 0.2])))
    return Wall(
        kind=kind,
        tone=_rgb(hue, saturation, value),
        joint=_rgb(hue + 0.02, saturation * 0.3, joint_value),
        course=rng.uniform(0.065, 0.11) if kind is WallKind.BRICK else rng.uniform(0.16, 0.26),
        roughness=rng.uniform(3, 9),
        variety=rng.uniform(0.04, 0.13),
    )


def draw_wall(wall: Wall, rng: np.random.Generator, size: tuple[int, int]) -> Image:
    """Draw a piece of a wall.

    Args:
        wall: The wall.
        rng: Random generator; its state decides the piece.
        size: (width, height) in pixels.

    Returns:
        RGB.
    """
    import numpy as np

    draw = {WallKind.BRICK: _draw_bricks, WallKind.PLASTER: _draw_plaster, WallKind.STONE: _draw_stones}
    pixels = draw[wall.kind](wall, rng, size)
    weather = 1 + smooth_noise(rng, size, cells=3) * np.float32(0.06)
    return as_image(pixels * weather + grain(rng, size, strength=wall.roughness))


def _draw_bricks(wall: Wall, rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    import numpy as np

    height = max(6.0, wall.course * max(size))
    width = height * 2.6
    y, x = _wavering_grid(rng, size, reach_px=height * 0.022)
    y, x = y + np.float32(rng.uniform(0, height)), x + np.float32(rng.uniform(0, width))
    row = np.floor(y / height).astype(np.int32)
    x = x + (row % 2) * width / 2
    column = np.floor(x / width).astype(np.int32)
    in_y, in_x = y - row * height, x - column * width
    depth = np.minimum(np.minimum(in_y, height - in_y), np.minimum(in_x, width - in_x)) / height
    return _blocks(wall, rng, row * 97 + column, depth, joint=0.055)


def _draw_stones(wall: Wall, rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    import numpy as np

    stone = max(10.0, wall.course * max(size))
    y, x = _wavering_grid(rng, size, reach_px=stone * 0.025)
    nearest = np.full(x.shape, 1e6, dtype=np.float32)
    second = nearest.copy()
    which = np.zeros(x.shape, dtype=np.int32)
    for number, (at_x, at_y) in enumerate(_scattered(rng, size, stone)):
        near = _window(at_x, at_y, reach_px=2.6 * stone)  # no stone is wider; a larger window would only cost time
        distance = np.hypot((x[near] - at_x) * np.float32(0.75), y[near] - at_y)  # wider than high
        closer = distance < nearest[near]
        second[near] = np.where(closer, nearest[near], np.minimum(second[near], distance))
        which[near][closer] = number
        nearest[near] = np.minimum(nearest[near], distance)
    return _blocks(wall, rng, which, (second - nearest) / np.float32(2 * stone), joint=0.035)


def _draw_plaster(wall: Wall, rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    import numpy as np

    large, small = smooth_noise(rng, size, cells=5), smooth_noise(rng, size, cells=16)
    patches = (large * np.float32(0.5) + small * np.float32(0.35)) * np.float32(wall.variety)
    pixels = _colour(wall.tone) * (1 + patches)
    worn = np.clip((smooth_noise(rng, size, cells=6) - 1.1) * 6, 0, 1)  # where the plaster is worn off
    pixels = pixels * (1 - worn * np.float32(0.6)) + _colour(wall.joint) * worn * np.float32(0.6)
    cracked: NDArray[np.float32] = pixels * (1 - _cracks(rng, size) * np.float32(0.45))
    return cracked


def _cracks(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    import numpy as np
    import PIL.Image
    from PIL import ImageDraw, ImageFilter

    mask = PIL.Image.new("L", size, 0)
    draw = ImageDraw.Draw(mask)
    for _ in range(int(rng.integers(0, 4))):
        steps = rng.normal(0, max(size) * 0.02, (40, 2)) + rng.normal(0, max(size) * 0.015, 2)
        way = rng.uniform(0, 1, 2) * size + steps.cumsum(axis=0)
        draw.line([(float(x), float(y)) for x, y in way], fill=255, width=max(1, max(size) // 250))
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(0.6)), dtype=np.float32)
    return soft[..., None] / np.float32(255)


def _window(at_x: float, at_y: float, *, reach_px: float) -> tuple[slice, slice]:
    rows = slice(max(0, int(at_y - reach_px)), max(0, int(at_y + reach_px)))
    return rows, slice(max(0, int(at_x - reach_px)), max(0, int(at_x + reach_px)))


def _wavering_grid(
    rng: np.random.Generator, size: tuple[int, int], *, reach_px: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (y, x) of each pixel with a small smooth displacement, so that edges are not straight."""
    import numpy as np

    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    away = smooth_noise(rng, size, cells=40, channels=2) * np.float32(reach_px)
    return y + away[..., 0], x + away[..., 1]


def _scattered(rng: np.random.Generator, size: tuple[int, int], stone: float) -> list[tuple[float, float]]:
    """Return points about `stone` apart that cover the wall and a margin."""
    points = []
    for row in range(-1, int(size[1] / stone) + 2):
        for column in range(-1, int(size[0] / (stone * 1.33)) + 2):
            dx, dy = rng.uniform(-0.42, 0.42, 2).tolist()  # Python floats: numpy floats would widen float32 arrays
            points.append(((column + 0.5 * (row % 2) + dx) * stone * 1.33, (row + dy) * stone))
    return points


def _blocks(
    wall: Wall,
    rng: np.random.Generator,
    which: NDArray[np.int32],
    depth: NDArray[np.float32],
    *,
    joint: float,
) -> NDArray[np.float32]:
    """Colour the blocks and fill the joints. `depth` is the distance from a block's edge, in courses."""
    import numpy as np

    tints = 1 + rng.normal(0, wall.variety, (1024, 1)) + rng.normal(0, wall.variety / 9, (1024, 3))
    block = _colour(wall.tone) * tints.astype(np.float32)[which % 1024]
    rounded = np.clip((depth - joint) / 0.06, 0, 1)[..., None]  # darker towards the joint: edges are rounded
    block = block * (np.float32(0.82) + np.float32(0.18) * rounded)
    filled = np.clip((depth - joint) / 0.02 + 0.5, 0, 1)[..., None]
    coloured: NDArray[np.float32] = _colour(wall.joint) * (1 - filled) + block * filled
    return coloured


def _colour(colour: Colour) -> NDArray[np.float32]:
    import numpy as np

    return np.asarray(colour, dtype=np.float32)


def _rgb(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return red * 255, green * 255, blue * 255
