"""Solid packages with print around them: boxes in perspective, and bottles and cans.

A pose turns a package about its upright axis (yaw) and tips it (pitch), in radians. From (0, 0) the front is seen. With
a positive yaw the right side comes into view, with a positive pitch the top.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.datasets.drawn.instances.product_lines import ProductLine
    from edge_identify.datasets.drawn.instances.product_print import Print

_FILLED = 0.94  # of the picture's side
_CAMERA_AWAY = 4.0  # heights of the package
_TOP_LIGHT, _SIDE_LIGHT = 0.92, 0.72  # of the front's
_GLOSS, _GLOSS_WIDTH = 70.0, 0.1  # of 255, and of the radius


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """How a package is turned.

    Attributes:
        yaw: About its upright axis, radians.
        pitch: Towards the camera, radians.
    """

    yaw: float
    pitch: float


def draw_body(printed: Print, line: ProductLine, pose: Pose, side_px: int) -> Image:
    """Return a package of a line in a pose, RGBA [side_px, side_px]; around it, it is transparent."""
    return _draw_round(printed, line, pose, side_px) if line.is_round else _draw_box(printed, line, pose, side_px)


def _draw_box(printed: Print, line: ProductLine, pose: Pose, side_px: int) -> Image:
    import numpy as np
    import PIL.Image

    wide, deep, tall = np.array(line.size) / 2
    corners = _seen(np.array([[x, y, z] for x in (-wide, wide) for y in (-tall, tall) for z in (-deep, deep)]), pose)
    low, high = corners.min(0), corners.max(0)
    right, near = (wide, -deep) if pose.yaw > 0 else (-wide, deep)
    y = tall if pose.pitch < 0 else -tall
    lid = PIL.Image.new("RGB", (16, 16), printed.own if line.has_coloured_top else line.ground)
    faces = (
        (lid, [(-wide, y, deep), (wide, y, deep), (wide, y, -deep), (-wide, y, -deep)], _TOP_LIGHT),
        (
            printed.side,
            [(right, -tall, near), (right, -tall, -near), (right, tall, -near), (right, tall, near)],
            _SIDE_LIGHT,
        ),
        (printed.front, [(-wide, -tall, -deep), (wide, -tall, -deep), (wide, tall, -deep), (-wide, tall, -deep)], 1.0),
    )
    sheet = PIL.Image.new("RGBA", (side_px, side_px), (255, 255, 255, 0))
    for face, points, light in faces:
        seen = _seen(np.array(points), pose) - (high + low) / 2
        _lay_face(sheet, face, seen * (_FILLED * side_px / float((high - low).max())) + side_px / 2, light)
    return sheet


def _seen(points: NDArray[np.float64], pose: Pose) -> NDArray[np.float64]:
    """Return where the camera sees points: [n, 2], y down, from [n, 3], x to the right, y down, z away."""
    import numpy as np

    cos, sin = np.cos(pose.yaw), np.sin(pose.yaw)
    x, y, z = points[:, 0] * cos + points[:, 2] * sin, points[:, 1], points[:, 2] * cos - points[:, 0] * sin
    cos, sin = np.cos(pose.pitch), np.sin(pose.pitch)
    y, z = y * cos - z * sin, y * sin + z * cos
    seen: NDArray[np.float64] = np.stack([x, y], 1) / (_CAMERA_AWAY + z)[:, None]
    return seen


def _lay_face(sheet: Image, face: Image, quad: NDArray[np.float64], light: float) -> None:
    """Lay a face onto the sheet, in place, with its corners at `quad`: [4, 2] pixels, clockwise from the top left."""
    import numpy as np
    from PIL.Image import Resampling, Transform

    width, height = face.size
    rows, wanted = [], []
    for (x, y), (u, v) in zip(quad, ((0, 0), (width, 0), (width, height), (0, height)), strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    try:
        coefficients = np.linalg.solve(np.array(rows), np.array(wanted))
    except np.linalg.LinAlgError:  # seen from its edge
        return
    lit = face.point([min(255, int(value * light)) for value in range(256)] * 3)
    lit.putalpha(255)
    sheet.alpha_composite(lit.transform(sheet.size, Transform.PERSPECTIVE, tuple(coefficients), Resampling.BILINEAR))


def _draw_round(printed: Print, line: ProductLine, pose: Pose, side_px: int) -> Image:
    """Return a bottle or can: its print runs around it, and its edges bend with the pitch."""
    import numpy as np
    import PIL.Image

    height = _FILLED * side_px
    radius = min(height, height * line.size[0]) / 2
    y, x = np.mgrid[0:side_px, 0:side_px].astype(np.float32)
    x = (x - side_px / 2) / radius
    bend = np.sqrt(np.clip(1 - x**2, 0, 1)) * np.sin(pose.pitch) * radius / 2
    down = (y - bend - (side_px - height) / 2) / height
    across = x / _profile(down, line)
    inside = (np.abs(across) < 1) & (down > 0) & (down < 1)
    pixels = _label(printed, line, np.arcsin(np.clip(across, -1, 1)) + pose.yaw, down)
    pixels *= (np.sqrt(np.clip(1.08 - across**2, 0, 1)) ** 0.7)[..., None]
    lamp = 0.45 * np.cos(line.layout_seed)  # the same for a line
    pixels += (_GLOSS * np.exp(-(((across - lamp) / _GLOSS_WIDTH) ** 2)))[..., None]
    pixels[~inside] = 255
    return PIL.Image.fromarray(np.dstack([np.clip(pixels, 0, 255), 255.0 * inside]).astype(np.uint8))


def _profile(down: NDArray[np.float32], line: ProductLine) -> NDArray[np.float32]:
    """Return the radius at a share of the height, as a share of the body's: the neck, then a smooth shoulder."""
    import numpy as np

    neck, shoulder = line.neck
    rise = np.clip((down - 0.5 * shoulder) / (0.5 * shoulder), 0, 1)
    profile: NDArray[np.float32] = neck + (1 - neck) * rise * rise * (3 - 2 * rise)
    return profile


def _label(
    printed: Print, line: ProductLine, angle: NDArray[np.float32], down: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the colours at an angle about the axis and a share of the height: front and side are half of it each."""
    import numpy as np

    side = printed.side.resize(printed.front.size)
    sheet = np.concatenate([np.asarray(printed.front), np.asarray(side)], 1)
    shoulder = line.neck[1]
    column = (((angle / np.pi + 0.5) % 2) / 2 * sheet.shape[1]).astype(int).clip(0, sheet.shape[1] - 1)
    row = (np.clip((down - shoulder) / (1 - shoulder), 0, 1) * (sheet.shape[0] - 1)).astype(int)
    pixels: NDArray[np.float32] = sheet[row, column].astype(np.float32)
    pixels[down < shoulder] = line.ground
    pixels[down < 0.3 * shoulder] = printed.own
    return pixels
