"""One spelling of a name: `é` as one character and `é` as a letter and an accent are the same name.

Macs write file names decomposed (Unicode NFD); keyboards and spreadsheets write composed text (NFC). The two look equal
and compare unequal.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path


def composed(text: str) -> str:
    """Return a text in composed form, Unicode NFC."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def spellings(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names that are a name in any Unicode form: usually one or none."""
    wanted = composed(name)
    return [each for each in known if composed(each) == wanted]


def existing_spelling(path: Path) -> Path:
    """Return the path of the file or folder that a path names in another Unicode form; if there is none, the path."""
    if str(path).isascii() or _exists(path):
        return path
    found = Path(path.anchor)
    for part in path.parts[1 if path.anchor else 0 :]:
        found = found / (part if _exists(found / part) else _entry(found, part))
    return found if _exists(found) else path


def _exists(path: Path) -> bool:
    return os.path.lexists(path)  # False in a folder that may not be read, where `Path.exists` raises


def _entry(folder: Path, name: str) -> str:
    try:
        return next(iter(spellings(name, (entry.name for entry in folder.iterdir()))), name)
    except (OSError, ValueError):  # it may not be read, or the path holds a NUL
        return name
