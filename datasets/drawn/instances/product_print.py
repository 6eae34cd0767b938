"""The print around a drawn product: logo, name, picture and seals in front; small print, table, barcode at its side.

The products of a line share logo, layout and typefaces. They differ in the colour and name of a flavour and in a
picture, or in less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.datasets.drawn.instances.colours import choose_colour
from edge_identify.datasets.drawn.instances.printed_matter import choose_words
from edge_identify.datasets.drawn.instances.product_lines import ProductLine, as_ink
from edge_identify.datasets.drawn.instances.typefaces import Box, Ink, pixels_of, print_fitting

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from edge_identify.datasets.drawn.instances.pixel_art import Images

_CLAIMS = ("1,5%", "3%", "500 g", "1 L", "ECO", "BIO", "x2", "0%", "12", "NEW", "100%", "250 ml")
_LEAF = (60, 140, 50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """What is printed around a product.

    Attributes:
        front: Flat, RGB.
        side: The same of the side.
        own: The product's own colour.
    """

    front: Image
    side: Image
    own: Ink


def print_around(rng: np.random.Generator, line: ProductLine, side_px: int, images: Images) -> Print:
    """Print what goes around one product.

    Args:
        rng: Random generator of the product's own features.
        line: Its line.
        side_px: Side of the square that the package will fill; the print has four fifths of its height.
        images: Images to print; may be empty.
    """
    import numpy as np

    own = line.accent if rng.uniform() < 0.3 else as_ink(choose_colour(rng))
    printer = _Printer(rng=rng, shared=np.random.default_rng(line.layout_seed), line=line, own=own, images=images)
    height = int(0.8 * side_px)
    front = printer.front(max(24, int(line.size[0] * height)), height)
    return Print(front=front, side=printer.side(max(16, int(line.size[1] * height)), height), own=own)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Printer:
    """Prints one product: what `rng` chooses is the product's own, what `shared` chooses is its line's."""

    rng: np.random.Generator
    shared: np.random.Generator
    line: ProductLine
    own: Ink
    images: Images

    def front(self, width: int, height: int) -> Image:
        import PIL.Image

        rng, shared = self.rng, self.shared
        sheet = PIL.Image.new("RGB", (width, height), self.line.ground)
        self._bands(sheet)
        logo_top = shared.uniform(0.03, 0.3)
        name_first = shared.uniform() < 0.4
        picture_top = logo_top + shared.uniform(0.28, 0.42)
        self._picture(sheet, (0.08, picture_top, 0.92, min(0.97, picture_top + 0.38)))
        self._logo(sheet, (0.06, logo_top, 0.94, logo_top + shared.uniform(0.12, 0.22)))
        name_top = logo_top + 0.2 if name_first else min(0.84, picture_top + shared.uniform(0.2, 0.36))
        ink = _readable(_colour_at(sheet, 0.5, name_top + 0.03), rng)
        for number in range(int(shared.integers(1, 4))):
            top = name_top + 0.065 * number
            words = choose_words(rng, count=int(rng.integers(1, 3)))
            self._print(sheet, words, (0.1, top, 0.9, top + (0.07 if number == 0 else 0.04)), ink)
        for _ in range(int(rng.integers(0, 3))):
            self._seal(sheet)
        claim = str(rng.choice(_CLAIMS))
        top = shared.uniform(0.85, 0.92)
        self._print(sheet, claim, (0.1, top, 0.55, top + 0.06), _readable(_colour_at(sheet, 0.3, top), shared))
        return sheet

    def side(self, width: int, height: int) -> Image:
        import PIL.Image

        shared = self.shared
        ground = self.own if shared.uniform() < 0.35 else self.line.ground
        sheet = PIL.Image.new("RGB", (width, height), ground)
        ink = _readable(ground, shared)
        if shared.uniform() < 0.6:
            self._print_logo(sheet, (0.1, 0.05, 0.9, 0.17), ink)
        top = shared.uniform(0.2, 0.3)
        for number in range(int(shared.integers(4, 14))):
            words = choose_words(self.rng, count=4)
            self._print(sheet, words, (0.08, top + 0.028 * number, 0.92, top + 0.028 * number + 0.024), ink)
        self._table(sheet, (0.1, 0.62, 0.9, 0.8), ink)
        _print_barcode(self.rng, sheet, (0.12, 0.84, 0.88, 0.95))
        return sheet

    def _print(self, sheet: Image, words: str, box: Box, ink: Ink) -> None:
        print_fitting(sheet, self.line.face, words, box, ink)

    def _print_logo(self, sheet: Image, box: Box, ink: Ink) -> None:
        print_fitting(sheet, self.line.logo_face, self.line.logo, box, ink)

    def _bands(self, sheet: Image) -> None:
        from PIL import ImageDraw

        draw, shared, (width, height) = ImageDraw.Draw(sheet), self.shared, sheet.size
        for ink in (self.own, self.line.accent)[: int(shared.integers(0, 3))]:
            kind = int(shared.integers(4))
            top, tall = shared.uniform(0, 0.85) * height, shared.uniform(0.06, 0.5) * height
            lean = shared.uniform(-0.3, 0.3) * height
            if kind == 0:
                draw.rectangle((0, top, width, top + tall), fill=ink)
            elif kind == 1:
                draw.polygon([(0, top), (width, top + lean), (width, top + lean + tall), (0, top + tall)], fill=ink)
            elif kind == 2:
                draw.ellipse((-0.3 * width, top, 1.3 * width, top + 2 * tall), fill=ink)
            else:
                draw.rectangle((0, 0.6 * height, width, height), fill=ink)

    def _picture(self, sheet: Image, box: Box) -> None:
        """Print what the product is of: a photograph in a frame, or some round or long things."""
        pixels = pixels_of(sheet.size, box)
        if min(pixels[2] - pixels[0], pixels[3] - pixels[1]) < 4:
            return
        if len(self.images) and self.shared.uniform() < 0.5:
            self._photograph(sheet, pixels)
        else:
            self._fruit(sheet, pixels)

    def _photograph(self, sheet: Image, pixels: tuple[int, int, int, int]) -> None:
        import PIL.Image
        from PIL import ImageDraw
        from PIL.Image import Resampling

        left, top, right, bottom = pixels
        size = (right - left, bottom - top)
        source = PIL.Image.fromarray(self.images[int(self.rng.integers(len(self.images)))])
        mask = PIL.Image.new("L", size, 0)
        frame = ImageDraw.Draw(mask)
        (frame.ellipse if self.shared.uniform() < 0.5 else frame.rectangle)((0, 0, *size), fill=255)
        sheet.paste(source.resize(size, Resampling.BILINEAR), (left, top), mask)

    def _fruit(self, sheet: Image, pixels: tuple[int, int, int, int]) -> None:
        from PIL import ImageDraw

        draw, rng = ImageDraw.Draw(sheet), self.rng
        left, top, width, height = pixels[0], pixels[1], pixels[2] - pixels[0], pixels[3] - pixels[1]
        other = as_ink(choose_colour(rng))
        for _ in range(int(rng.integers(1, 7))):
            x, y = left + rng.uniform(0.15, 0.85) * width, top + rng.uniform(0.2, 0.8) * height
            reach = rng.uniform(0.12, 0.35) * min(width, height)
            long = reach * rng.uniform(0.5, 1.6)
            ink = self.own if rng.uniform() < 0.5 else other
            draw.ellipse((x - reach, y - long, x + reach, y + long), fill=ink)
            if rng.uniform() < 0.6:  # its light side, or its cut one
                lit = (x - 0.6 * reach, y - 0.6 * long, x + 0.5 * reach, y + 0.4 * long)
                draw.ellipse(lit, fill=_lighter(ink, 0.4))
            if rng.uniform() < 0.4:
                leaf = [(x, y - long), (x + reach, y - 1.6 * long), (x + 0.3 * reach, y - long)]
                draw.polygon(leaf, fill=_LEAF)

    def _logo(self, sheet: Image, box: Box) -> None:
        """Print the logo in an ellipse, in a rectangle, or as it is."""
        from PIL import ImageDraw

        draw, shared = ImageDraw.Draw(sheet), self.shared
        kind = int(shared.integers(4))
        ink = _readable(_colour_at(sheet, 0.5, (box[1] + box[3]) / 2), shared)
        if kind > 1:
            self._print_logo(sheet, box, ink)
            return
        badge = self.own if shared.uniform() < 0.3 else self.line.accent
        (draw.ellipse if kind == 0 else draw.rectangle)(pixels_of(sheet.size, box), fill=badge)
        left, top, right, bottom = box
        self._print_logo(sheet, (left + 0.12, top + 0.03, right - 0.12, bottom - 0.03), _readable(badge, shared))

    def _seal(self, sheet: Image) -> None:
        from PIL import ImageDraw

        rng = self.rng
        x, y, reach = rng.uniform(0.15, 0.85), rng.uniform(0.1, 0.9), rng.uniform(0.06, 0.13)
        tall = reach * sheet.width / sheet.height
        ink = as_ink(choose_colour(rng))
        ImageDraw.Draw(sheet).ellipse(pixels_of(sheet.size, (x - reach, y - tall, x + reach, y + tall)), fill=ink)
        inner = (x - 0.7 * reach, y - 0.4 * tall, x + 0.7 * reach, y + 0.4 * tall)
        self._print(sheet, str(rng.choice(_CLAIMS)), inner, _readable(ink, rng))

    def _table(self, sheet: Image, box: Box, ink: Ink) -> None:
        """Print a nutrition table."""
        from PIL import ImageDraw

        draw, shared = ImageDraw.Draw(sheet), self.shared
        left, top, right, bottom = box
        rows = int(shared.integers(4, 8))
        draw.rectangle(pixels_of(sheet.size, box), outline=ink)
        for row in range(rows):
            at = top + (bottom - top) * row / rows
            draw.line(pixels_of(sheet.size, (left, at, right, at)), fill=ink)
            words = f"{choose_words(shared, count=1)}   {shared.integers(1, 99)} g"
            self._print(sheet, words, (left + 0.04, at + 0.004, right - 0.04, at + (bottom - top) / rows - 0.004), ink)


def _print_barcode(rng: np.random.Generator, sheet: Image, box: Box) -> None:
    from PIL import ImageDraw

    draw = ImageDraw.Draw(sheet)
    left, top, right, bottom = pixels_of(sheet.size, box)
    draw.rectangle((left - 3, top - 3, right + 3, bottom + 3), fill=(255, 255, 255))
    at = left
    while at < right:
        wide = int(rng.integers(1, 4))
        draw.rectangle((at, top, at + wide - 1, bottom), fill=(0, 0, 0))
        at += wide + int(rng.integers(1, 4))


def _lighter(ink: Ink, share: float) -> Ink:
    red, green, blue = (int(value + (255 - value) * share) for value in ink)
    return red, green, blue


def _readable(ground: Ink, rng: np.random.Generator) -> Ink:
    """Return an ink that can be read on a ground, most of the time."""
    is_light = sum(ground) > 380
    ink = as_ink(choose_colour(rng))
    if rng.uniform() < 0.4:
        return (15, 15, 20) if is_light else (250, 250, 250)
    red, green, blue = (int(value * 0.4) for value in ink) if is_light else _lighter(ink, 0.7)
    return red, green, blue


def _colour_at(sheet: Image, x: float, y: float) -> Ink:
    place = (min(sheet.width - 1, int(x * sheet.width)), min(sheet.height - 1, int(y * sheet.height)))
    red, green, blue = sheet.getpixel(place)  # type: ignore[misc]
    return red, green, blue
