"""An HTML page of contributed things, for the person who accepts or rejects them: one file, without scripts.

Everything on it comes from strangers. Texts are escaped by `html_markup`, and pictures are decoded and written anew.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.convert.exploring.picture_page import picture_page
from edge_identify.edge_runtime.answers.html_markup import Markup, element, join
from edge_identify.edge_runtime.errors import PhotoError
from edge_identify.edge_runtime.io.counted import counted
from edge_identify.edge_runtime.photos.small_jpegs import small_jpeg
from edge_identify.edge_runtime.taught.kept_picture import decode_kept_picture

if TYPE_CHECKING:
    from edge_identify.edge_runtime.taught.contribution_file import ContributedPicture, ContributedThing

_SIDE_PX, _QUALITY = 512, 82

_STYLE = """
body { overflow-wrap: anywhere; } h2 { font-size: 1.2rem; margin: 0 0 .25rem; }
article { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin: 1rem 0; }
.pictures { display: flex; flex-wrap: wrap; gap: .75rem; }
img { max-width: min(100%, 32rem); max-height: 24rem; height: auto; display: block; border-radius: .25rem; }
p { margin: .25rem 0; } code { user-select: all; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionEntry:
    """A contributed thing on the page.

    Attributes:
        thing: The thing.
        facts: What else is to be said, a line each: the state of its review, who gave it, what has the same name.
        accept: The command that accepts it.
    """

    thing: ContributedThing
    facts: Sequence[str]
    accept: str


def contribution_page(entries: Sequence[ContributionEntry]) -> Markup:
    """Return the page of some contributed things, at least one."""
    title = f"{counted(len(entries), 'contributed thing')} to review"
    about = "Strangers wrote the names and took the pictures. Accept what you would publish under your own name."
    return picture_page(title, about, map(_article, entries), style=_STYLE)


def _article(entry: ContributionEntry) -> Markup:
    thing = entry.thing
    pictures = element("div", *(_picture(thing, each) for each in thing.pictures), class_="pictures")
    note = element("p", thing.note) if thing.note else join()
    facts = (element("p", fact, class_="faint") for fact in entry.facts)
    return element(
        "article", element("h2", thing.name), note, pictures, *facts, element("p", element("code", entry.accept))
    )


def _picture(thing: ContributedThing, picture: ContributedPicture) -> Markup:
    try:
        image = decode_kept_picture(picture.jpeg, name=f"picture {picture.sha256[:12]}")
    except PhotoError as error:
        return element("p", f"This picture cannot be used: {error}")
    jpeg = base64.b64encode(small_jpeg(image, _SIDE_PX, _QUALITY)).decode()
    return element("img", src=f"data:image/jpeg;base64,{jpeg}", alt=thing.name)
