"""An HTML page of thumbnails with captions: one file, no scripts, no external resources.

Pages are passed on. So a page holds no local path and no metadata of image files: each image is shrunk and encoded
again. `html_markup` escapes all texts from the catalogue.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_identify.convert.exploring.picture_page import picture_page
from edge_identify.edge_runtime.answers.html_markup import Markup, element
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.photos.images import open_photo
from edge_identify.edge_runtime.photos.small_jpegs import small_jpeg

_SIDE_PX, _QUALITY = 176, 72  # enough to tell two images apart, about 5 kB

_STYLE = """
h2 { font-size: 1.1rem; margin-top: 2rem; }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); }
li { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .5rem;
  overflow-wrap: anywhere; content-visibility: auto; contain-intrinsic-size: auto 15rem; }
li.marked { border: 2px solid var(--marked); }
img { width: 100%; height: 10rem; object-fit: contain; display: block; }
li p { margin: .15rem 0; font-size: .85rem; } li p + p { color: var(--faint); }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A thumbnail with its caption.

    Attributes:
        image: The image file. A file that cannot be opened is replaced by a note.
        lines: Lines of the caption, the first one is the title; at least one.
        is_marked: Whether the card is highlighted.
    """

    image: Path
    lines: Sequence[str]
    is_marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A titled group of cards.

    Attributes:
        title: Title of the group.
        cards: Its cards, at least one.
    """

    title: str
    cards: Sequence[Card]


def contact_sheet(title: str, about: str, rows: Iterable[Row]) -> Markup:
    """Return the page.

    Args:
        title: Title of the page.
        about: One line below the title.
        rows: The groups of cards, in order.
    """
    return picture_page(title, about, map(_section, rows), style=_STYLE)


def _section(row: Row) -> Markup:
    return element("section", element("h2", row.title), element("ul", *map(_card, row.cards)))


def _card(card: Card) -> Markup:
    lines = (element("p", line) for line in card.lines)
    return element("li", _image(card), *lines, class_="marked" if card.is_marked else None)


def _image(card: Card) -> Markup:
    try:
        jpeg = small_jpeg(open_photo(card.image, enough_px=_SIDE_PX).image, _SIDE_PX, _QUALITY)
    except PhotoError:
        return element("p", "no image: its file cannot be opened")
    address = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"
    return element("img", src=address, alt=card.lines[0], loading="lazy")
