"""Drawn things with what is known of their looks: mosaics with their colours and wall, packages with shape and colour.

A caption names some of a thing's looks. It is true of each thing that has them all, so "a red mosaic" is true of many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from edge_identify.datasets.drawn.demo.demo_mosaics import GLAZES, Mosaic, choose_mosaic, draw_reference
from edge_identify.datasets.drawn.demo.pixel_figures import draw_figure
from edge_identify.datasets.drawn.instances.packages import Brand, choose_brand, draw_package
from edge_identify.datasets.drawn.walls import WallKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

SIDE_PX = 192
MOSAIC = "mosaic"
_PACKAGE_SHARE = 0.3
_SHAPES = {
    "carton": "carton",
    "gable": "carton",
    "bottle": "bottle",
    "can": "can",
    "jar": "jar",
    "box": "box",
    "bag": "bag",
}
_WALLS = frozenset(str(kind) for kind in WallKind)
_NEAR = 60.0  # of RGB, 0 to 255; a package's colour farther from all glazes has no name
_MOSAIC_WORDS = ("mosaic", "mosaic", "street mosaic", "tile mosaic")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """A text about looks.

    Attributes:
        text: The text.
        needs: The looks that it names; see `CaptionedDrawing.looks`.
    """

    text: str
    needs: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionedDrawing:
    """A drawn thing and its looks.

    Attributes:
        draw: Draws it; RGB, the same each time.
        looks: Its kind, its colours and its wall, in words. Of "dark blue", "blue" is true too.
        colours: Its colours, the first two side by side on the figure or package; at least one for a mosaic.
    """

    draw: Callable[[], Image]
    looks: frozenset[str]
    colours: tuple[str, ...]

    def shows(self, caption: Caption) -> bool:
        """Return whether a caption is true of it."""
        return caption.needs <= self.looks


def draw_captioned(rng: np.random.Generator) -> Iterator[CaptionedDrawing]:
    """Draw things without end; seven in ten are mosaics, the others packages."""
    while True:
        yield _package(rng) if rng.uniform() < _PACKAGE_SHARE else _mosaic(rng)


def choose_caption(rng: np.random.Generator, drawing: CaptionedDrawing) -> Caption:
    """Choose a caption that is true of a thing."""
    if MOSAIC not in drawing.looks:
        return _package_caption(rng, drawing)
    count = int(rng.choice([0, 1, 2, 2]))
    colours = [_plainer(rng, str(each)) for each in rng.permutation(drawing.colours)[:count]]
    caption = colours_caption(colours, str(rng.choice(_MOSAIC_WORDS)))
    if rng.uniform() < 0.3 or not colours:
        wall = str(rng.choice(sorted(drawing.looks & _WALLS)))
        text = f"{caption.text} on {wall}" if rng.uniform() < 0.5 else f"{caption.text} on a {wall} wall"
        caption = Caption(text=text, needs=caption.needs | {wall})
    return caption


def colours_caption(colours: Sequence[str], kind: str = MOSAIC) -> Caption:
    """Return a caption that names a mosaic's colours, in this order."""
    needs = frozenset({MOSAIC, *colours})
    return Caption(text=f"a {' and '.join(colours)} {kind}" if colours else f"a {kind}", needs=needs)


def _mosaic(rng: np.random.Generator) -> CaptionedDrawing:
    mosaic = choose_mosaic(rng, draw_figure(rng))
    colours = _colours(mosaic)
    return CaptionedDrawing(
        draw=partial(draw_reference, mosaic, long_side_px=SIDE_PX),
        looks=frozenset({MOSAIC, str(mosaic.wall.kind), *colours, *map(_hue, colours)}),
        colours=colours,
    )


def _colours(mosaic: Mosaic) -> tuple[str, ...]:
    return (mosaic.body, mosaic.second) if mosaic.panel is None else (mosaic.body, mosaic.second, mosaic.panel)


def _package(rng: np.random.Generator) -> CaptionedDrawing:
    brand = choose_brand(rng, side_px=SIDE_PX)
    colours = _name_of(brand.palette[0])
    return CaptionedDrawing(
        draw=partial(_draw_package, brand, int(rng.integers(2**31))),
        looks=frozenset({_SHAPES[brand.shape], *colours, *map(_hue, colours)}),
        colours=colours,
    )


def _draw_package(brand: Brand, seed: int) -> Image:
    import numpy as np
    import PIL.Image

    rgba = PIL.Image.fromarray(draw_package(np.random.default_rng(seed), brand, side_px=SIDE_PX, images=()))
    image = PIL.Image.new("RGB", rgba.size, "white")
    image.paste(rgba, mask=rgba)
    return image


def _package_caption(rng: np.random.Generator, drawing: CaptionedDrawing) -> Caption:
    (shape,) = drawing.looks & set(_SHAPES.values())
    if not drawing.colours or rng.uniform() < 0.4:
        return Caption(text=f"a {shape}", needs=frozenset({shape}))
    colour = _plainer(rng, drawing.colours[0])
    return Caption(text=f"a {colour} {shape}", needs=frozenset({shape, colour}))


def _plainer(rng: np.random.Generator, colour: str) -> str:
    """Return "blue" for half of "dark blue" and "sky blue"."""
    return _hue(colour) if rng.uniform() < 0.5 else colour


def _hue(colour: str) -> str:
    return colour.split()[-1]


def _name_of(colour: NDArray[np.float32]) -> tuple[str, ...]:
    import numpy as np

    distances = {name: float(np.linalg.norm(colour - np.array(glaze))) for name, glaze in GLAZES.items()}
    nearest = min(distances, key=distances.__getitem__)
    return (nearest,) if distances[nearest] < _NEAR else ()
