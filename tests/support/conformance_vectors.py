"""Conformance vectors: what Python computes from small inputs, for the cores in other languages.

`python tests/support/conformance_vectors.py` writes them anew into `tests/conformance/vectors`. A test tells if they
are out of date. `tests/conformance/README.md` describes the files.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import edge_identify as ei
from colour_packs import CERTAINTY, add_calibration, write_colour_pack
from conformance_decisions import decision_vectors, place_vectors, together_vectors
from conformance_images import (
    agreement_vectors,
    image_as_json,
    peak_vectors,
    reduction_vectors,
    resize_vectors,
)
from conformance_manifests import listing_vectors, manifest_vectors
from conformance_search import (
    descriptor_vectors,
    index_vectors,
    reference_vectors,
    thumbnail_vectors,
    token_vectors,
    word_vectors,
)
from edge_identify.edge_runtime.photos.images import decode_image
from edge_identify.edge_runtime.store.self_test import ConformanceCase, serialise_cases

VECTORS = Path(__file__).parents[1] / "conformance" / "vectors"
PACK = "pack"
_SEED = 7
_COLOURS = {"red": (255, 0, 0), "between": (235, 10, 30), "grey": (120, 118, 121), "green": (20, 240, 15)}


def write_vectors(folder: Path) -> None:
    """Write all vectors into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pack = _pack(folder / PACK)
    parts: dict[str, Any] = {
        "resize": resize_vectors(_random()),
        "reduction": reduction_vectors(_random()),
        "peaks": peak_vectors(_random()),
        "agreement": agreement_vectors(_random()),
        "index": index_vectors(folder, _random()),
        "references": reference_vectors(folder),
        "thumbnails": thumbnail_vectors(folder, _random()),
        "descriptors": descriptor_vectors(folder, _random()),
        "words": word_vectors(),
        "tokens": token_vectors(),
        "decisions": decision_vectors(_random()),
        "places": place_vectors(),
        "together": together_vectors(),
        "manifests": manifest_vectors(pack),
        "listings": listing_vectors(),
        "answers": _answers(pack),
    }
    for name, part in parts.items():
        text = json.dumps(part, ensure_ascii=True, indent=None, separators=(",", ":"))
        (folder / f"{name}.json").write_text(text.replace('},{"', '},\n{"') + "\n")


def _random() -> np.random.Generator:
    return np.random.default_rng(_SEED)


def _pack(folder: Path) -> Path:
    """Write the colour pack, with a calibration and a self-test of one photo."""
    write_colour_pack(folder)
    photo = folder / "conformance.png"
    pixels = np.array(Image.linear_gradient("L").resize((24, 16)).convert("RGB"))
    pixels[:, :, 1] //= 2
    Image.fromarray(pixels).save(photo)
    with ei.open(add_calibration(folder)) as identifier:
        embedding = identifier.embed_image(photo)
        case = ConformanceCase(photo=photo.name, pixels_sha256="0" * 64, embedding=tuple(embedding.tolist()))
    (folder / "cases.json").write_bytes(
        serialise_cases((replace(case, pixels_sha256=_pixels_sha256(pixels)),), tolerance=0.99)
    )
    add_calibration(folder, certainty=CERTAINTY)
    return folder


def _pixels_sha256(pixels: Any) -> str:
    from hashlib import sha256

    from colour_packs import colour_manifest
    from edge_identify.edge_runtime.photos.preprocessing import preprocess

    return sha256(preprocess(Image.fromarray(pixels), colour_manifest().preprocessing).tobytes()).hexdigest()


def _answers(pack: Path) -> dict[str, Any]:
    """Return photos with the answers of the pack, times left out, and the image of its self-test."""
    options: list[tuple[str, dict[str, Any]]] = [
        *((name, {}) for name in _COLOURS),
        ("between", {"top_k": 2}),
        ("between", {"near": (48.8501, 2.3501), "accuracy_m": 30.0}),
        ("red", {"labels": {"label": "warm"}}),
    ]
    with ei.open(pack) as identifier:
        asked = [
            {
                "image": image_as_json(_photo(name)),
                "options": given,
                "answer": _told(identifier.identify(_photo(name), no_location="near" not in given, **given).to_json()),
            }
            for name, given in options
        ]
    photo = np.asarray(decode_image((pack / "conformance.png").read_bytes(), name="photo"), dtype=np.uint8)
    return {"pack": pack.name, "conformance": image_as_json(photo), "photos": asked}


def _photo(name: str) -> Any:
    return np.full((10, 12, 3), _COLOURS[name], np.uint8)


def _told(text: str) -> dict[str, Any]:
    """Return the parts of an answer that do not differ from run to run."""
    (answer,) = json.loads(text)["answers"]
    return {key: value for key, value in answer.items() if key not in ("photo", "seconds", "stage_seconds")}


if __name__ == "__main__":
    write_vectors(VECTORS)
