"""What is done to a text before it is split, as open_clip does it.

A newcomer would lower the case of everything. T5's pieces tell upper from lower case, so it depends on the model
whether the case is lowered; and SigLIP's cleaning removes ASCII punctuation only: `¿` and `…` stay.
"""

from __future__ import annotations

import html
import string

from edge_identify.edge_runtime.pack.manifest import Cleaning

MAX_TEXT_CHARACTERS = 10_000  # beyond any context length; ftfy and the patterns are not given a book

_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def clean(text: str, cleaning: Cleaning) -> str:
    """Return the text repaired (ftfy), unescaped twice, its white space joined, and then as `cleaning` says."""
    import ftfy

    repaired = html.unescape(html.unescape(ftfy.fix_text(text[:MAX_TEXT_CHARACTERS])))
    if cleaning is Cleaning.CANONICALIZE:
        repaired = repaired.replace("_", " ").translate(_WITHOUT_PUNCTUATION).lower()
    joined = " ".join(repaired.split())
    return joined.lower() if cleaning is Cleaning.LOWER else joined
