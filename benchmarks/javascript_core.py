"""The JavaScript core against Python: the same photos, the same pack, onnxruntime-web against onnxruntime.

    python benchmarks/javascript_core.py --pack DIR --photos photos.csv

`photos.csv` has a column `query` with the paths of photos, beside the table: `queries.csv` of `grocery/` for example.
Python decodes each photo, and both sides get the same pixels. Needs node and `npm ci` in `edge_runtime/web`; without
them it is skipped aloud. Prints one JSON line:

    photos, same_first, same_decision    numbers of photos
    cosine_min, cosine_mean              of the embeddings of the two sides
    score_difference_max, _mean          of the similarities of references that both sides name
    points_difference_max                of the numbers of agreeing points
    self_test                            the pack's self-test in JavaScript
    encode_ms, open_ms, search_ms        medians in JavaScript on one thread: an embedding (resizing included), opening
                                         the pack, a query among 20,000 8-bit vectors of 512 numbers
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import edge_identify as ei
from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from edge_identify.edge_runtime.photos.images import decode_image, open_image

_WEB = Path(__file__).parents[1] / "edge_runtime" / "web"
_SCRIPT = Path(__file__).with_suffix(".mjs")
_MOST_SIDE_PX = 1024


def missing() -> str | None:
    """Return what is missing to run the JavaScript core; None if nothing is."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not (_WEB / "node_modules" / "onnxruntime-web").exists():
        return f"onnxruntime-web is not installed: run `npm ci` in {_WEB}"
    return None


def compare(pack: Path, photos: Sequence[Path]) -> dict[str, Any]:
    """Return the figures of the module's docstring for a pack and some photos, at least one."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        images = [np.asarray(open_image(path), dtype=np.uint8) for path in photos]
        ours = python_answers(pack, images)
        theirs = _javascript_answers(pack, images, work)
    return figures(ours, theirs)


def python_answers(pack: Path, images: Sequence[NDArray[np.uint8]]) -> list[dict[str, Any]]:
    """Return Python's answer to each image, with its embedding."""
    with ei.open(pack) as identifier:
        return [
            {
                **json.loads(identifier.identify(image).to_json())["answers"][0],
                "embedding": identifier.embed_image(image).tolist(),
            }
            for image in images
        ]


def _javascript_answers(pack: Path, images: Sequence[NDArray[np.uint8]], work: Path) -> dict[str, Any]:
    photos = [written(image, work / f"photo-{at}.rgb") for at, image in enumerate(images)]
    # Node has no decoder of images: the core gets those of the pack by the hash of their file.
    decoded = {
        sha256(data).hexdigest(): written(image, work / f"file-{at}.rgb")
        for at, (data, image) in enumerate(images_of(pack))
    }
    (work / "job.json").write_text(json.dumps({"photos": photos, "decoded": decoded}))
    subprocess.run(["node", str(_SCRIPT), str(pack), str(work / "job.json"), str(work / "out.json")], check=True)
    found: dict[str, Any] = json.loads((work / "out.json").read_text())
    return found


def images_of(pack: Path) -> Iterator[tuple[bytes, NDArray[np.uint8]]]:
    """Yield the image files of a pack with their pixels: the self-test's photos and the thumbnails."""
    manifest = read_manifest(pack)
    files = [pack / path for path in manifest.files if path.endswith((".png", ".jpg", ".webp"))]
    stored = [path.read_bytes() for path in files]
    if manifest.thumbnails is not None:
        with closing(sqlite3.connect(pack / manifest.thumbnails.file)) as database:
            stored += [webp for (webp,) in database.execute("SELECT webp FROM thumbnail")]
    for data in stored:
        yield data, np.asarray(decode_image(data, name="image of the pack", max_side_px=_MOST_SIDE_PX), dtype=np.uint8)


def written(image: NDArray[np.uint8], path: Path) -> dict[str, Any]:
    """Write pixels into a file, and return its description for a core."""
    path.write_bytes(image.tobytes())
    return {"file": str(path), "width": image.shape[1], "height": image.shape[0]}


def figures(ours: list[dict[str, Any]], theirs: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of the module's docstring, from the answers of both sides."""
    return {
        **agreement(ours, theirs["answers"]),
        "self_test": theirs["self_test"],
        "encode_ms": round(float(np.median([answer["encode_ms"] for answer in theirs["answers"]])), 1),
        "open_ms": round(theirs["open_ms"], 1),
        "search_ms": round(theirs["search_ms"], 2),
    }


def agreement(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how two cores' answers to the same photos agree, each with its embedding."""
    pairs = list(zip(ours, theirs, strict=True))
    cosines = [float(np.dot(one["embedding"], other["embedding"])) for one, other in pairs]
    matches = [both for pair in pairs for both in _common_matches(*pair)]
    scores = [abs(one["score"] - other["score"]) for one, other in matches]
    points = [abs((one["matched_points"] or 0) - (other["matched_points"] or 0)) for one, other in matches]
    return {
        "photos": len(pairs),
        "same_first": sum(one["matches"][0]["id"] == other["matches"][0]["id"] for one, other in pairs),
        "same_decision": sum(one["decision"] == other["decision"] for one, other in pairs),
        "cosine_min": round(min(cosines), 6),
        "cosine_mean": round(float(np.mean(cosines)), 6),
        "score_difference_max": round(max(scores), 6),
        "score_difference_mean": round(float(np.mean(scores)), 6),
        "points_difference_max": max(points),
    }


def _common_matches(one: dict[str, Any], other: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    by_id = {match["id"]: match for match in other["matches"]}
    for match in one["matches"]:
        if match["id"] in by_id:
            yield match, by_id[match["id"]]


def listed_photos(table: Path, most: int) -> list[Path]:
    """Return at most `most` photos of a table, spread over it."""
    with table.open(newline="", encoding="utf-8") as file:
        paths = [table.parent / row["query"] for row in csv.DictReader(file)]
    return paths[:: max(1, len(paths) // most)][:most]


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True, metavar="DIR", help="a pack's folder")
    parser.add_argument("--photos", type=Path, required=True, metavar="CSV", help="a table with the column query")
    parser.add_argument("--most", type=int, default=50, help="number of photos, spread over the table (default: 50)")
    options = parser.parse_args(arguments)
    reason = missing() or (None if options.photos.exists() else f"{options.photos} is not there")
    if reason is not None:
        print(f"skipped: {reason}", file=sys.stderr)
        return
    print(json.dumps(compare(options.pack, listed_photos(options.photos, options.most))))


if __name__ == "__main__":
    main()
