"""Golden packs: packs in each released format, which every later version must read.

`python tests/support/golden_packs.py` writes missing ones; `--again FORM` rewrites one. A golden pack stands for packs
on devices: rewrite it for a change of these tests, never to make a reader pass.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from colour_packs import COLOURS, SIZE_PX, colour_manifest, with_files, write_colour_pack
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.io.json_fields import canonical_json
from edge_identify.edge_runtime.pack.binary_codes_file import write_binary_codes_file
from edge_identify.edge_runtime.pack.index_file import map_index_file
from edge_identify.edge_runtime.pack.manifest import (
    MANIFEST_NAME,
    BinaryCodesSpec,
    Fidelity,
    IndexKind,
    IndexSpec,
    Manifest,
)
from edge_identify.edge_runtime.pack.manifest_json import serialise_manifest
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.photos.images import open_image
from edge_identify.edge_runtime.photos.preprocessing import preprocess
from edge_identify.edge_runtime.search.identifier import Identifier
from edge_identify.edge_runtime.store.self_test import ConformanceCase, serialise_cases

GOLDEN = Path(__file__).parents[1] / "golden"

#: `first` has the fields that format 1 began with, and a flat index; `with-signs` has all of today's, an 8-bit index,
#: signs, and the measured cosines of the self-test.
FORMS = ("format-1-first", "format-1-with-signs")

#: Fields of format 1 that are younger than it.
_YOUNGER_OF_FIDELITY = ("cosine_centred", "top5_agreement", "recall_change")

PHOTOS = ("conformance/sea.png", "conformance/poppy.png")


def golden_pack(form: str) -> Path:
    """Return a golden pack's folder."""
    return GOLDEN / form


def golden_answers(form: str) -> dict[str, list[list[Any]]]:
    """Return the answers at the time of writing for each photo of `PHOTOS`: [reference id, score], ..."""
    answers: dict[str, list[list[Any]]] = json.loads((GOLDEN / f"{form}.answers.json").read_text())
    return answers


def write_golden_pack(folder: Path, form: str) -> Path:
    """Write a pack in one of `FORMS` into a new folder and return it."""
    write_colour_pack(folder)
    (folder / "cases.json").unlink()
    (folder / "conformance").mkdir()
    for path, ground, spot in zip(PHOTOS, ("navy", "seagreen"), ("gold", "crimson"), strict=True):
        image = Image.new("RGB", (40, 24), ground)
        ImageDraw.Draw(image).ellipse((10, 4, 30, 20), fill=spot)
        image.save(folder / path)
    fidelity = Fidelity(sample="drawn", count=2, cosine_mean=1.0, cosine_min=1.0, top1_agreement=1.0)
    manifest = replace(colour_manifest(), conformance_file="conformance/cases.json")
    if form == "format-1-with-signs":
        manifest = replace(manifest, index=replace(manifest.index, kind=IndexKind.SQ8))
        _write_index(folder)
        _write_binary_codes(folder, manifest.index)
        codes = BinaryCodesSpec(file="images.signs", recall_at_10=1.0)
        manifest = replace(manifest, index=replace(manifest.index, binary_codes=codes))
        fidelity = replace(fidelity, cosine_centred=1.0, top5_agreement=1.0, recall_change=0.0)
    variants = {name: replace(one, fidelity=fidelity) for name, one in manifest.image_variants.items()}
    manifest = replace(manifest, image_variants=variants)
    _write_cases(folder, manifest, measured={"allowed": {}, "faults": {}} if manifest.index.binary_codes else None)
    _write_manifest(folder, manifest, form)
    return folder


def _write_index(folder: Path) -> None:
    import faiss

    vectors = np.array([colour for _, _, colour in COLOURS], np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = faiss.IndexIDMap2(faiss.IndexScalarQuantizer(3, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT))
    index.train(vectors)
    index.add_with_ids(vectors, np.arange(1, len(vectors) + 1))
    faiss.write_index(index, str(folder / "images.faiss"))


def _write_binary_codes(folder: Path, index: IndexSpec) -> None:
    rows = map_index_file(folder / index.file, index)
    stored = (rows.codes * rows.scale + rows.offset).astype(np.float32)
    write_binary_codes_file(folder / "images.signs", stored.mean(axis=0), len(stored), [stored])


def _write_cases(folder: Path, manifest: Manifest, *, measured: dict[str, dict[str, float]] | None) -> None:
    cases = []
    for path in PHOTOS:
        pixels = preprocess(open_image(folder / path), manifest.preprocessing)
        assert pixels.shape == (SIZE_PX, SIZE_PX, 3)
        colour = pixels.mean(axis=(0, 1))
        embedding = tuple((colour / np.linalg.norm(colour)).tolist())
        cases.append(ConformanceCase(photo=path, pixels_sha256=sha256_of_bytes(pixels.tobytes()), embedding=embedding))
    (folder / "conformance/cases.json").write_bytes(serialise_cases(tuple(cases), tolerance=0.999, measured=measured))


def _write_manifest(folder: Path, manifest: Manifest, form: str) -> None:
    document = json.loads(serialise_manifest(with_files(manifest, folder)))
    if form == "format-1-first":
        for variant in document["encoders"]["image"].values():
            for field in _YOUNGER_OF_FIDELITY:
                del variant["fidelity"][field]
    (folder / MANIFEST_NAME).write_bytes(canonical_json(document))


def _write_answers(form: str) -> None:
    with Identifier(open_pack(golden_pack(form))) as identifier:
        answers = {
            path: [
                [match.reference.id, round(match.score, 6)]
                for match in identifier.identify(golden_pack(form) / path).matches
            ]
            for path in PHOTOS
        }
    (GOLDEN / f"{form}.answers.json").write_text(json.dumps(answers, indent=1) + "\n")


def main() -> None:
    """Write the golden packs that are missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--again", choices=FORMS, help="write this one anew")
    again = parser.parse_args().again
    for form in FORMS:
        folder = golden_pack(form)
        if folder.exists() and form != again:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        write_golden_pack(folder, form)
        _write_answers(form)


if __name__ == "__main__":
    main()
