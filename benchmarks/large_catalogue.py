"""Peak memory of a build with many references: the process and its children.

    python benchmarks/large_catalogue.py [--count 200000] [--thumbnails 64]

The images are drawn, 16 pixels wide, and their embeddings too: to embed 200,000 images takes an hour, and no more
memory than to embed 2,000. Everything else is what `edge-build pack` does with an empty cache: export, fidelity, index,
binary codes, calibration, references. Prints one JSON line; the target is 1,500 MB.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import PIL.Image
from measuring import print_line

from edge_identify.convert.packing.pack_building import build_pack
from edge_identify.convert.packing.pack_request import PackRequest
from edge_identify.convert.progress import no_progress
from edge_identify.datasets.catalogue.catalogue_images import CatalogueImage
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.terminal.peak_memory import peak_memory_bytes

_MOST_MB = 1500
_SIDE_PX = 16
_DIM = 768  # of the built-in encoder; kept embeddings of another length are not used
_MIXED = 4096  # drawn vectors; embeddings are sums of two of them
_BUILD = "build"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--thumbnails", type=int, metavar="PX", help="a pack with thumbnails; without by default")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder is not None:
        _build(options)
        return
    with tempfile.TemporaryDirectory() as name:
        options.folder = Path(name)
        _draw(options.folder / "images", options.count)
        words = [sys.executable, __file__, "--count", str(options.count), "--folder", name]
        words += [] if options.thumbnails is None else ["--thumbnails", str(options.thumbnails)]
        started = time.perf_counter()
        peak = peak_memory_bytes(words)
        pack_mb = sum(path.stat().st_size for path in (options.folder / "pack").rglob("*") if path.is_file()) / 1e6
    print_line(
        "large_catalogue",
        count=options.count,
        thumbnails=options.thumbnails,
        peak_mb=None if peak is None else round(peak / 1e6),
        most_mb=_MOST_MB,
        pack_mb=round(pack_mb, 1),
        wall_s=round(time.perf_counter() - started, 1),
    )


class DrawnEmbeddings:
    """An `EmbeddingMemory` that knows every image."""

    def __init__(self) -> None:
        """Draw the vectors."""
        vectors = np.random.default_rng(1).normal(size=(_MIXED, _DIM)).astype("<f4")
        self._vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def begin(self, encoder: str) -> None:
        """Do nothing."""

    def embeddings(self, encoder: str, hashes: Sequence[str]) -> dict[str, bytes]:  # noqa: ARG002 - the protocol's
        """Return a unit vector for each hash."""
        return {each: self._of(each) for each in hashes}

    def keep_embeddings(self, encoder: str, vectors: Mapping[str, bytes]) -> None:
        """Keep nothing."""

    def _of(self, sha256: str) -> bytes:
        mixed = self._vectors[int(sha256[:8], 16) % _MIXED] + self._vectors[int(sha256[8:16], 16) % _MIXED]
        unit: bytes = (mixed / np.linalg.norm(mixed)).astype("<f4").tobytes()
        return unit


def _build(options: argparse.Namespace) -> None:
    paths = [_place(options.folder / "images", number) for number in range(options.count)]
    images = [
        CatalogueImage(index_id=number + 1, reference_id=f"thing-{number}", sha256=sha256_of_file(path), path=path)
        for number, path in enumerate(paths)
    ]
    references = [Reference(id=f"thing-{number}", name=f"Thing {number}") for number in range(options.count)]
    request = PackRequest(
        name="large",
        version=PackVersion.parse("1.0.0"),
        title="Large",
        model_name="builtin",
        pretrained=None,
        variant_names=("onnx-int8",),
        out=options.folder / "pack",
        replace=False,
        thumbnail_side_px=options.thumbnails,
    )
    build_pack(request, references, images, progress=no_progress, memory=DrawnEmbeddings())


def _place(folder: Path, number: int) -> Path:
    return folder / f"{number % 1000:03}" / f"{number:06}.png"


def _draw(folder: Path, count: int) -> None:
    rng = np.random.default_rng(2)
    for number in range(count):
        path = _place(folder, number)
        if number < 1000:
            path.parent.mkdir(parents=True)
        PIL.Image.fromarray(rng.integers(0, 255, (_SIDE_PX, _SIDE_PX, 3), dtype=np.uint8)).save(path)


if __name__ == "__main__":
    main()
