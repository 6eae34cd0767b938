"""Small real images and sources for the tests of `datasets`."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import PIL.Image
import pytest

from edge_identify.datasets.catalogue.catalogue import Catalogue
from edge_identify.datasets.sources import ListedImages, SourceImage
from edge_identify.edge_runtime.pack.references import Reference

WriteImage = Callable[..., Path]


@pytest.fixture
def source_of() -> Callable[..., ListedImages]:
    """Make a source from (path, reference) pairs. A text in place of a reference is its id."""

    def make(*pairs: tuple[Path, Reference | str]) -> ListedImages:
        listed = []
        for path, known in pairs:
            reference = Reference(id=known, name=known) if isinstance(known, str) else known
            listed.append(SourceImage(path=path, reference=reference))
        return ListedImages(tuple(listed))

    return make


@pytest.fixture
def write_image(tmp_path: Path) -> WriteImage:
    """Write an image of one colour with a blue upper left quarter; return its path."""

    def write(
        name: str,
        colour: str = "red",
        *,
        image_format: str = "PNG",
        size: tuple[int, int] = (12, 8),
        orientation: int = 0,
    ) -> Path:
        image = PIL.Image.new("RGB", size, colour)
        image.paste("blue", (0, 0, size[0] // 2, size[1] // 2))
        exif = PIL.Image.Exif()
        if orientation:
            exif[0x0112] = orientation
        file = io.BytesIO()
        image.save(file, image_format, **({"exif": exif} if orientation else {}))
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.getvalue())
        return path

    return write


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    """Open an empty catalogue."""
    with Catalogue.open(tmp_path / "catalogue.db") as opened:
        yield opened
