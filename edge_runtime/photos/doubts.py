"""Doubts about a photo's pixels: one line for people, through `logging`, where the photo is read all the same.

Without a handler, `logging` prints such a line to standard error. A service writes it to its log.
"""

from __future__ import annotations

from functools import lru_cache

from edge_identify.edge_runtime.io.printable_text import printable

_MOST_REMEMBERED = 1024  # lines; a photo may be decoded twice for one answer


@lru_cache(maxsize=_MOST_REMEMBERED)
def tell_doubt(name: str, doubt: str) -> None:
    """Tell a doubt about a photo once.

    Args:
        name: The photo's name.
        doubt: What is doubtful, and how the photo was read.
    """
    import logging  # Pillow has loaded it

    logging.getLogger(__name__).warning("%s", printable(f"{name}: {doubt}"))
