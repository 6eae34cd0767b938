"""A pack for concurrency tests: thousands of references with labels, both encoders, drawn labels as thumbnails."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import faiss
import numpy as np
from PIL import Image

from colour_packs import with_files
from drawn_vectors import faiss_index, unit
from drawn_views import label
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, IndexKind
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest, serialise_manifest
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.pack.references import Reference, ReferenceImage
from edge_identify.edge_runtime.pack.references_writing import write_references
from edge_identify.edge_runtime.pack.thumbnails_file import write_thumbnails
from service_packs import write_service_pack

COUNT = 8_000  # vectors, one for each reference: searches take long enough to meet
SHADES = 40  # values of a label: more sets of filters than the engine keeps open
PICTURED = "0"  # the shade whose references have thumbnails
_LABELS = 6  # different thumbnails
_SIDE_PX = 160


def write_busy_packs(folder: Path, versions: Sequence[str]) -> list[Path]:
    """Write versions of the pack that give equal answers into new folders; return the folders."""
    first = _write(folder / versions[0])
    packs = [first, *(Path(copytree(first, folder / version)) for version in versions[1:])]
    for pack, version in zip(packs, versions, strict=True):
        manifest = parse_manifest((pack / MANIFEST_NAME).read_bytes(), where="test")
        manifest = replace(manifest, version=PackVersion.parse(version))
        (pack / MANIFEST_NAME).write_bytes(serialise_manifest(manifest))
    return packs


def _write(folder: Path) -> Path:
    write_service_pack(folder)
    for name in ("images.faiss", "references.sqlite", "thumbnails.sqlite"):
        (folder / name).unlink()
    vectors = unit(np.random.default_rng(1).uniform(0, 255, (COUNT, 3)))
    faiss.write_index(faiss_index(IndexKind.FLAT, vectors, np.arange(1, COUNT + 1)), str(folder / "images.faiss"))
    things = [_reference(at) for at in range(1, COUNT + 1)]
    images = [ReferenceImage(index_id=at, reference_id=f"{at:05}", sha256="0" * 64) for at in range(1, COUNT + 1)]
    write_references(folder / "references.sqlite", things, images)
    thumbnails = [_webp(seed) for seed in range(_LABELS)]
    write_thumbnails(
        folder / "thumbnails.sqlite", [(at, thumbnails[at // SHADES % _LABELS]) for at in range(SHADES, COUNT, SHADES)]
    )
    manifest = parse_manifest((folder / MANIFEST_NAME).read_bytes(), where="test")
    assert manifest.thumbnails is not None
    manifest = replace(
        manifest,
        index=replace(manifest.index, count=COUNT, most_images_per_reference=1),
        reference_count=COUNT,
        thumbnails=replace(manifest.thumbnails, side_px=_SIDE_PX),
    )
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(with_files(manifest, folder)))
    return folder


def photo_of_a_thumbnail() -> bytes:
    """Return a JPEG of one of the thumbnails."""
    buffer = io.BytesIO()
    _thumbnail(2).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _reference(at: int) -> Reference:
    return Reference(
        id=f"{at:05}",
        name=f"Colour {at}",
        namespace="Paris" if at % 2 else "nature",
        labels={"shade": str(at % SHADES), "label": "warm" if at % 3 else "cold"},
    )


def _webp(seed: int) -> bytes:
    buffer = io.BytesIO()
    _thumbnail(seed).save(buffer, "WEBP", quality=60)
    return buffer.getvalue()


def _thumbnail(seed: int) -> Image.Image:
    return label(seed, (_SIDE_PX, _SIDE_PX * 3 // 4))
