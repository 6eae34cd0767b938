"""A typeface in a file: Pillow's own, so that no test needs one of the machine."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import ImageFont


def write_typeface(path: Path) -> Path:
    """Write Pillow's typeface to a file, with its folder; return the file."""
    font = ImageFont.load_default(20)
    assert isinstance(font, ImageFont.FreeTypeFont)
    assert isinstance(font.path, BytesIO)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(font.path.getvalue())
    return path
