"""Cleaning of a text before tokenisation, the same as in open_clip.

The model decides whether the case is lowered: T5's pieces distinguish upper and lower case. SigLIP's cleaning removes
only ASCII punctuation: `¿` and `…` stay.
"""

from __future__ import annotations

import html
import string

from edge_identify.edge_runtime.pack.manifest import Cleaning

MAX_TEXT_CHARACTERS = 10_000  # beyond any context length; bounds the time of ftfy and of the patterns

_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def clean(text: str, cleaning: Cleaning) -> str:
    """Return the text repaired by ftfy, HTML-unescaped twice, cleaned as `cleaning` says, with white space joined."""
    import ftfy

    repaired = html.unescape(html.unescape(ftfy.fix_text(text[:MAX_TEXT_CHARACTERS])))
    if cleaning is Cleaning.CANONICALIZE:
        repaired = repaired.replace("_", " ").translate(_WITHOUT_PUNCTUATION).lower()
    joined = " ".join(repaired.split())
    return joined.lower() if cleaning is Cleaning.LOWER else joined
