"""Drawn images of a small catalogue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file


@pytest.fixture
def draw_images(tmp_path: Path) -> Callable[..., list[CatalogueImage]]:
    """Return a function that draws images: number of references, number of images of each."""

    def draw(references: int, each: int = 1) -> list[CatalogueImage]:
        images = []
        for position in range(references * each):
            rng = np.random.default_rng(position)
            path = tmp_path / f"{position}.png"
            cells = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
            Image.fromarray(cells).resize((60, 60), Image.Resampling.NEAREST).save(path)
            name = f"reference-{position // each}"
            images.append(
                CatalogueImage(index_id=position + 1, reference_id=name, sha256=sha256_of_file(path), path=path)
            )
        return images

    return draw
