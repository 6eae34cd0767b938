"""Drawn packages on white, as in a shop's catalogue: cartons, bottles, cans, jars and bags.

Products of a brand share colours and the large words. They differ in a line of print, an image or one colour. A carton
is seen at an angle, with its second face in shade. A bottle has dark edges and its print runs around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.datasets.drawn.instances.colours import choose_colour, choose_palette
from edge_identify.datasets.drawn.instances.printed_matter import choose_words, print_image, print_shapes, print_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edge_identify.datasets.drawn.instances.pixel_art import Images

_SHAPES = ("carton", "gable", "bottle", "can", "jar", "box", "bag")
_ROUND = frozenset({"bottle", "can", "jar"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """The common features of a brand's products.

    Attributes:
        shape: One of carton, gable, bottle, can, jar, box, bag.
        width_px: Width of the front.
        height_px: Height of the front.
        palette: float32 [4, 3], RGB, 0 to 255.
        words: The large words.
        layout_seed: Seed of the layout on the front.
    """

    shape: str
    width_px: int
    height_px: int
    palette: NDArray[np.float32]
    words: str
    layout_seed: int


def choose_brand(rng: np.random.Generator, *, side_px: int) -> Brand:
    """Choose a brand whose packages fit into an image of that side."""
    shape = str(rng.choice(_SHAPES))
    aspect = rng.uniform(0.9, 1.5) if shape in {"box", "bag", "jar"} else rng.uniform(0.36, 0.8)
    height = side_px * rng.uniform(0.72, 0.98)
    width = min(height * aspect, 0.94 * side_px)
    return Brand(
        shape=shape,
        width_px=int(width),
        height_px=int(width / aspect),
        palette=choose_palette(rng, 4),
        words=choose_words(rng, count=1),
        layout_seed=int(rng.integers(2**31)),
    )


def draw_package(rng: np.random.Generator, brand: Brand, *, side_px: int, images: Images) -> NDArray[np.uint8]:
    """Draw one product of a brand.

    Args:
        rng: Random generator of the product's own features.
        brand: Its brand.
        side_px: Side of the image.
        images: Images to print on it; may be empty.

    Returns:
        uint8 [side, side, 4], RGBA: the package is opaque; elsewhere white and transparent.
    """
    import numpy as np
    import PIL.Image

    front = _draw_front(rng, brand, images)
    body, mask = _cut_out(rng, brand, front)
    sheet = PIL.Image.new("RGB", (side_px, side_px), "white")
    at = ((side_px - body.width) // 2, (side_px - body.height) // 2)
    sheet.paste(body, at, mask)
    alpha = PIL.Image.new("L", (side_px, side_px), 0)
    alpha.paste(mask, at)
    sheet.putalpha(alpha)
    return np.asarray(sheet)


def _draw_front(rng: np.random.Generator, brand: Brand, images: Images) -> Image:
    import numpy as np
    import PIL.Image
    from PIL import ImageDraw

    shared = np.random.default_rng(brand.layout_seed)
    width, height = brand.width_px, brand.height_px
    palette = brand.palette.copy()
    if rng.uniform() < 0.5:
        palette[3] = choose_colour(rng)  # the product's own colour, as for a flavour
    inks = [(int(red), int(green), int(blue)) for red, green, blue in palette]
    front = PIL.Image.new("RGB", (width, height), inks[0])
    draw = ImageDraw.Draw(front)
    for ink in (1, 3)[: int(shared.integers(1, 3))]:
        top = int(shared.uniform(0, 0.8) * height)
        draw.rectangle((0, top, width, top + int(shared.uniform(0.08, 0.45) * height)), fill=inks[ink])
    if shared.uniform() < 0.65:
        top = int(shared.uniform(0.35, 0.65) * height)
        left = int(shared.uniform(0, 0.25) * width)
        print_image(rng, front, (left, top, width - left, top + int(0.33 * height)), images)
    print_shapes(shared, front, int(shared.integers(0, 4)))
    print_shapes(rng, front, int(rng.integers(0, 3)))
    brand_top = int(shared.uniform(0.05, 0.35) * height)
    box = (int(0.05 * width), brand_top, int(0.95 * width), brand_top + int(shared.uniform(0.1, 0.25) * height))
    print_words(shared, front, box, brand.words)
    for _ in range(int(rng.integers(1, 4))):
        top = int(rng.uniform(0.2, 0.9) * height)
        line = (int(0.06 * width), top, int(0.94 * width), min(height, top + int(rng.uniform(0.05, 0.13) * height) + 3))
        print_words(rng, front, line, choose_words(rng, count=int(rng.integers(1, 4))))
    return front


def _cut_out(rng: np.random.Generator, brand: Brand, front: Image) -> tuple[Image, Image]:
    """Apply shape and shading to the front; return the package and its mask."""
    import numpy as np
    import PIL.Image
    from PIL import ImageDraw

    width, height = front.size
    across = np.linspace(-1, 1, width, dtype=np.float32)
    if brand.shape in _ROUND:
        shade = np.sqrt(np.clip(1.06 - across**2, 0, 1)) ** 0.6 + 0.25 * np.exp(
            -(((across - rng.uniform(-0.6, 0.6)) / 0.12) ** 2)
        )
    else:
        shade = 1 + across * rng.uniform(-0.12, 0.12)
        if brand.shape in {"carton", "gable"} and rng.uniform() < 0.7:
            fold = rng.uniform(0.55, 0.9)
            shade = np.where(across * rng.choice([-1, 1]) > fold, shade * rng.uniform(0.6, 0.9), shade)
    pixels = np.clip(np.asarray(front, dtype=np.float32) * shade[None, :, None], 0, 255).astype(np.uint8)
    mask = PIL.Image.new("L", front.size, 0)
    draw = ImageDraw.Draw(mask)
    if brand.shape == "bottle":
        neck, shoulder = rng.uniform(0.12, 0.25) * width, rng.uniform(0.18, 0.38) * height
        draw.polygon(
            [(width / 2 - neck, 0), (width / 2 + neck, 0), (width / 2 + neck, shoulder * 0.5), (width, shoulder),
             (width, height), (0, height), (0, shoulder), (width / 2 - neck, shoulder * 0.5)],
            fill=255,
        )  # fmt: skip
    elif brand.shape == "gable":
        roof, inset = rng.uniform(0.08, 0.2) * height, rng.uniform(0.02, 0.2) * width
        draw.polygon([(inset, 0), (width - inset, 0), (width, roof), (width, height), (0, height), (0, roof)], fill=255)
    elif brand.shape in {"can", "jar"}:
        bend = rng.uniform(0.03, 0.09) * height
        draw.rectangle((0, bend, width, height - bend), fill=255)
        draw.ellipse((0, 0, width, 2 * bend), fill=255)
        draw.ellipse((0, height - 2 * bend, width, height), fill=255)
    else:
        draw.rounded_rectangle((0, 0, width, height), radius=rng.uniform(0, 0.08) * width, fill=255)
    return PIL.Image.fromarray(pixels), mask
