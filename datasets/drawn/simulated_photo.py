"""Simulate a smartphone photo of a reference image.

Used where there are no real photos: fidelity of exported encoders, calibration of packs, the demo. Perspective, a small
share of the frame and a foreign background matter more than blur or noise, so they are simulated too.

The same arguments and the same state of `rng` give the same pixels on one machine.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.datasets.drawn.photo_effects import blur, compress, light, occlude, sensor_noise
from edge_identify.datasets.drawn.textures import draw_surface

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

DEFAULT_LONG_SIDE_PX = 720  # enough for a small encoder; 12 megapixels would only cost time
_LEAST_LONG_SIDE_PX = 360  # of a photo for an encoder
_FRAME_RATIO = 4 / 3  # the sensor of nearly every phone
_CAMERA_DISTANCE = 2.6  # in units of the thing's longer side; a 26 mm equivalent lens, filled by the thing


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The pose of a flat thing before the camera.

    Attributes:
        yaw: Rotation about the vertical axis, in radians.
        pitch: Rotation about the horizontal axis, in radians.
        roll: Clockwise rotation in the image plane, in radians.
        fill: Share of the frame that its bounding box takes, along the tighter side; above 1 it is cut off.
        shift_px: Offset (right, down) of its centre from the frame's centre, in pixels of the photo.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    fill: float = 1.0
    shift_px: tuple[float, float] = (0.0, 0.0)


def long_side_px_for(size_px: int) -> int:
    """Return the longer side, in pixels, of a photo for an encoder whose input has sides of `size_px`."""
    return max(_LEAST_LONG_SIDE_PX, 2 * size_px)


def simulate_photo(
    image: Image,
    rng: np.random.Generator,
    *,
    difficulty: float = 1.0,
    background: Image | None = None,
    long_side_px: int = DEFAULT_LONG_SIDE_PX,
) -> Image:
    """Simulate a photo of an image; see `simulate_jpeg`.

    Returns:
        RGB, 4:3 or 3:4, whichever fits the image.
    """
    return decoded(simulate_jpeg(image, rng, difficulty=difficulty, background=background, long_side_px=long_side_px))


def decoded(jpeg: bytes) -> Image:
    """Return the pixels of `simulate_jpeg`, RGB."""
    import PIL.Image

    return PIL.Image.open(io.BytesIO(jpeg)).convert("RGB")


def simulate_jpeg(
    image: Image,
    rng: np.random.Generator,
    *,
    difficulty: float = 1.0,
    background: Image | None = None,
    long_side_px: int = DEFAULT_LONG_SIDE_PX,
) -> bytes:
    """Simulate a photo of an image: perspective, margin, background, occlusion, light, blur, noise, JPEG.

    Args:
        image: Any mode and size. Transparent parts show the background.
        rng: Random generator.
        difficulty: 0: a steady hand in good light. 1: an ordinary photo in the street. 2: a bad photo.
        background: The background, scaled to cover the frame. None draws a plain surface.
        long_side_px: Longer side of the photo.

    Returns:
        The file of the photo, 4:3 or 3:4, whichever fits the image.
    """
    frame = _frame_size(image.size, long_side_px)
    view = _choose_view(frame, rng, difficulty)
    behind = draw_surface(rng, frame) if background is None else _cover(background, frame)
    photo = place_in_view(image, behind, view)
    photo = occlude(photo, rng, chance=0.3 * difficulty)
    photo = light(photo, rng, difficulty)
    photo = blur(photo, rng, difficulty)
    photo = sensor_noise(photo, rng, difficulty)
    return compress(photo, rng, difficulty)


def place_in_view(image: Image, behind: Image, view: View) -> Image:
    """Draw an image in perspective on a background: only the geometry of a photo.

    Args:
        image: Any mode and size. Transparent parts show the background.
        behind: The background, in the photo's size.
        view: The image's pose.

    Returns:
        RGB, in the size of `behind`.
    """
    return _paste_in_perspective(image, behind, _seen_corners(image.size, behind.size, view))


def _frame_size(image_size: tuple[int, int], long_side_px: int) -> tuple[int, int]:
    width, height = image_size
    short_side_px = round(long_side_px / _FRAME_RATIO)
    return (long_side_px, short_side_px) if width > height else (short_side_px, long_side_px)


def _choose_view(frame: tuple[int, int], rng: np.random.Generator, difficulty: float) -> View:
    import numpy as np

    spread = np.radians([22, 14, 4]) * difficulty  # yaw, pitch, roll
    yaw, pitch, roll = np.clip(rng.normal(0, spread / 2), -spread, spread).tolist()
    fill = rng.uniform(0.98 - 0.22 * difficulty, 0.98 + 0.06 * difficulty)
    # Off centre by a part of the free space, so that the thing stays in the encoder's centre crop.
    right_px, down_px = (0.1 * min(frame) * difficulty * rng.uniform(-1, 1, 2)).tolist()
    return View(yaw=yaw, pitch=pitch, roll=roll, fill=fill, shift_px=(right_px, down_px))


def _seen_corners(image_size: tuple[int, int], frame: tuple[int, int], view: View) -> NDArray[np.float64]:
    """Return the corners in the frame: top left, top right, bottom right, bottom left."""
    import numpy as np

    seen = _project(image_size, view.yaw, view.pitch, view.roll)
    extent = seen.max(axis=0) - seen.min(axis=0)
    seen *= view.fill * min(np.array(frame) / extent)
    middle = (seen.max(axis=0) + seen.min(axis=0)) / 2
    placed: NDArray[np.float64] = seen - middle + np.array(frame) / 2 + np.array(view.shift_px)
    return placed


def _project(image_size: tuple[int, int], yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """Project the corners of the rotated image with a pinhole camera; shape [4, 2], any scale."""
    import numpy as np

    half = np.array(image_size) / max(image_size) / 2
    flat = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * [*half, 0]
    turned = flat @ _turn(0, 1, roll) @ _turn(2, 0, yaw) @ _turn(1, 2, pitch)
    projected: NDArray[np.float64] = turned[:, :2] * _CAMERA_DISTANCE / (_CAMERA_DISTANCE + turned[:, 2:])
    return projected


def _turn(first: int, second: int, angle: float) -> NDArray[np.float64]:
    import numpy as np

    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = math.cos(angle)
    matrix[first, second], matrix[second, first] = math.sin(angle), -math.sin(angle)
    return matrix


def _cover(background: Image, frame: tuple[int, int]) -> Image:
    from PIL import ImageOps
    from PIL.Image import Resampling

    return ImageOps.fit(background.convert("RGB"), frame, Resampling.BICUBIC)


def _paste_in_perspective(image: Image, behind: Image, corners: NDArray[np.float64]) -> Image:
    import PIL.Image
    from PIL.Image import Resampling, Transform

    thing = _at_seen_size(image.convert("RGBA"), corners)
    # A transparent rim anti-aliases the edge.
    rimmed = PIL.Image.new("RGBA", (thing.width + 4, thing.height + 4))
    rimmed.paste(thing, (2, 2))
    edges = [(2, 2), (2 + thing.width, 2), (2 + thing.width, 2 + thing.height), (2, 2 + thing.height)]
    seen = rimmed.transform(behind.size, Transform.PERSPECTIVE, _mapping(corners, edges), Resampling.BICUBIC)
    return PIL.Image.alpha_composite(behind.convert("RGBA"), seen).convert("RGB")


def _at_seen_size(image: Image, corners: NDArray[np.float64]) -> Image:
    """Reduce an image to its size in the photo: `transform` reads single pixels and would alias."""
    from PIL.Image import Resampling

    extent = corners.max(axis=0) - corners.min(axis=0)
    width, height = (max(1, math.ceil(side)) for side in extent)
    return image.resize((min(width, image.width), min(height, image.height)), Resampling.LANCZOS)


def _mapping(seen: NDArray[np.float64], flat: list[tuple[int, int]]) -> tuple[float, ...]:
    """Return Pillow's eight perspective coefficients, which map a point of the photo to a point of the image."""
    import numpy as np

    rows, values = [], []
    for (x, y), (u, v) in zip(seen, flat, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return tuple(np.linalg.solve(np.array(rows), np.array(values)).tolist())
