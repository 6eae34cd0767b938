"""Drawn labels, and photos of them from a known pose."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw


def label(seed: int, size: tuple[int, int] = (240, 180)) -> Image.Image:
    """Draw a label: overlapping shapes in random colours."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(random.integers(120, 255, 3).tolist()))
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        x, y = random.integers(0, size[0]), random.integers(0, size[1])
        across, down = random.integers(6, 40, 2)
        shape = draw.rectangle if random.random() < 0.5 else draw.ellipse
        shape([int(x), int(y), int(x + across), int(y + down)], fill=tuple(random.integers(0, 255, 3).tolist()))
    return image


def photo_of(image: Image.Image, corners: np.ndarray, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Warp an image into a photo with its corners at `corners`, [4, 2], on a plain background with grain."""
    source = np.array([(0, 0), (image.width, 0), image.size, (0, image.height)], float)
    rows = []
    for (x, y), (u, v) in zip(corners, source, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    view = np.linalg.solve(np.array(rows), source.ravel())
    seen = image.transform(size, Image.Transform.PERSPECTIVE, view.tolist(), Image.Resampling.BICUBIC)
    mask = Image.new("L", image.size, 255).transform(size, Image.Transform.PERSPECTIVE, view.tolist())
    ground = np.random.default_rng(1).normal(128, 6, (size[1], size[0], 3)).clip(0, 255).astype(np.uint8)
    return Image.composite(seen, Image.fromarray(ground), mask)
