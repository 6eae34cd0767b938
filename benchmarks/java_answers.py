"""The Java core against Python: the same photos, the same pack, the same ONNX Runtime, which runs the graphs of both.

    python benchmarks/java_answers.py --pack DIR --photos photos.csv [--most 50]

`photos.csv` has a column `query` with the paths of photos. Needs a JDK (javac); without it, it is skipped aloud. The
Java core has no ONNX Runtime here: this process runs its graphs. Prints one JSON line with the figures of
`javascript_core.py`, but for the times; `self_test` is the worst cosine, `search` the first match of "apple".
"""

from __future__ import annotations

import argparse
import json
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import numpy as np
import onnxruntime
from javascript_core import agreement, images_of, listed_photos, python_answers, written
from numpy.typing import NDArray

from edge_identify.edge_runtime.pack.manifest import Runtime
from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from edge_identify.edge_runtime.photos.images import open_image

_CORE = Path(__file__).parents[1] / "edge_runtime" / "java" / "src" / "edgeidentify"
_IMAGES, _TEXTS = 0, 1


class Graphs:
    """The graphs of a pack, as the Java core asks for them."""

    def __init__(self, pack: Path) -> None:
        manifest = read_manifest(pack)
        self._sessions = [
            onnxruntime.InferenceSession(str(pack / path)) if path else None
            for path in (
                _model(manifest.image_variants),
                _model(manifest.text_variants),
                _model(manifest.local_features.variants) if manifest.local_features else None,
            )
        ]

    def run(self, kind: int, shape: Sequence[int], data: bytes) -> list[NDArray[np.float32]]:
        """Return the outputs of a graph; of the local-feature net also rows and columns, last."""
        session = self._sessions[kind]
        assert session is not None
        if kind == _TEXTS:
            feed: NDArray[Any] = np.frombuffer(data, ">i4").astype(np.int64).reshape(shape[0], shape[1])
        else:
            feed = np.frombuffer(data, np.uint8).reshape(*shape, 3)
        names = [output.name for output in session.get_outputs()]
        if kind in (_IMAGES, _TEXTS):
            return [session.run(names, {session.get_inputs()[0].name: feed})[0]]
        found = dict(zip(names, session.run(names, {session.get_inputs()[0].name: feed}), strict=True))
        cells = np.array(found["reliability"].shape[-2:], np.float32)
        return [found["descriptors"], found["heat"], found["reliability"], cells]


def _model(variants: Any) -> str | None:
    found = [variant.model for variant in variants.values() if variant.runtime is Runtime.ONNX]
    return found[0] if found else None


def compare(pack: Path, photos: Sequence[Path]) -> dict[str, Any]:
    """Return the figures of the module's docstring for a pack and some photos, at least one."""
    with tempfile.TemporaryDirectory() as folder:
        images = [np.asarray(open_image(path), dtype=np.uint8) for path in photos]
        lines = _java_lines(pack, images, Path(folder))
    theirs = [{**line["answer"], "embedding": line["embedding"]} for line in lines[1:-1]]
    compared = agreement(python_answers(pack, images), theirs)
    first = [match["id"] for match in lines[-1]["matches"][:1]]
    return {**compared, "self_test": round(lines[0]["worst_cosine"], 6), "search": first}


def _java_lines(pack: Path, images: Sequence[NDArray[np.uint8]], work: Path) -> list[dict[str, Any]]:
    photos = [written(image, work / f"photo-{at}.rgb") for at, image in enumerate(images)]
    decoded = {
        sha256(data).hexdigest(): written(image, work / f"file-{at}.rgb")
        for at, (data, image) in enumerate(images_of(pack))
    }
    (work / "job.json").write_text(json.dumps({"photos": photos, "decoded": decoded}))
    sources = [str(path) for path in sorted(_CORE.glob("*.java"))]
    script = str(Path(__file__).with_name("JavaAnswers.java"))
    compiler = ("javac", "-J-XX:TieredStopAtLevel=1", "--release", "11", "-d", str(work / "classes"))
    subprocess.run([*compiler, *sources, script], check=True)
    asked = [str(pack), str(work / "job.json"), str(work / "out.jsonl")]
    command = ["java", "-cp", str(work / "classes"), "JavaAnswers", *asked]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as java:
        assert java.stdin is not None
        assert java.stdout is not None
        _serve(Graphs(pack), java.stdout, java.stdin)
    if java.returncode:
        raise subprocess.CalledProcessError(java.returncode, command)
    return [json.loads(line) for line in (work / "out.jsonl").read_text(encoding="utf-8").splitlines()]


def _serve(graphs: Graphs, requests: IO[bytes], replies: IO[bytes]) -> None:
    """Answer requests until there are no more."""
    while header := requests.read(20):
        kind, *shape, length = struct.unpack(">5i", header)
        outputs = graphs.run(kind, shape, requests.read(length))
        replies.write(struct.pack(">i", len(outputs)))
        for output in outputs:
            replies.write(struct.pack(">i", output.size) + np.ascontiguousarray(output, ">f4").tobytes())
        replies.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True, metavar="DIR", help="a pack's folder")
    parser.add_argument("--photos", type=Path, required=True, metavar="CSV", help="a table with the column query")
    parser.add_argument("--most", type=int, default=50, help="number of photos, spread over the table (default: 50)")
    options = parser.parse_args(arguments)
    if shutil.which("javac") is None:
        print("skipped: javac is not installed", file=sys.stderr)
        return
    print(json.dumps(compare(options.pack, listed_photos(options.photos, options.most))))


if __name__ == "__main__":
    main()
