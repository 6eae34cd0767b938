"""CPU times of the Java core: resizing, search and points, without the encoder, which ONNX Runtime runs.

    python benchmarks/java_core.py [--count 20000] [--rounds 9]

Needs a JDK (javac); without it, it is skipped aloud. Drawn numbers, one thread. Prints one JSON line, medians of CPU
time in ms:

    resize_12_megapixels_ms    two views of a photo of 4000 x 3000 pixels, to 224 x 224
    open_index_ms              reading an index of --count vectors of 512 numbers in 8 bits
    search_ms                  a query among them
    compare_points_ms          500 points of a photo with 500 of a reference; an answer compares up to 10
    index_bytes, class_bytes   of the index, and of the compiled core
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np

_CORE = Path(__file__).parents[1] / "edge_runtime" / "java" / "src" / "edgeidentify"
_DIM = 512


def measure(count: int, rounds: int) -> dict[str, Any]:
    """Return the figures of the module's docstring."""
    with tempfile.TemporaryDirectory() as folder:
        classes = Path(folder) / "classes"
        sources = [str(path) for path in sorted(_CORE.glob("*.java"))]
        script = str(Path(__file__).with_name("JavaCore.java"))
        compiler = ("javac", "-J-XX:TieredStopAtLevel=1", "--release", "11", "-d", str(classes))
        subprocess.run([*compiler, *sources, script], check=True)
        index = _write_index(Path(folder) / "index.faiss", count)
        asked = (str(index), str(_DIM), str(count), str(rounds))
        ran = subprocess.run(
            ["java", "-cp", str(classes), "JavaCore", *asked], check=True, stdout=subprocess.PIPE, text=True
        )
        compiled = sum(path.stat().st_size for path in (classes / "edgeidentify").iterdir())
        return {**json.loads(ran.stdout), "index_bytes": index.stat().st_size, "class_bytes": compiled}


def _write_index(path: Path, count: int) -> Path:
    vectors = np.random.default_rng(7).standard_normal((count, _DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = faiss.IndexIDMap2(
        faiss.IndexScalarQuantizer(_DIM, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    )
    index.train(vectors)
    index.add_with_ids(vectors, np.arange(count))
    faiss.write_index(index, str(path))
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000, help="number of vectors (default: 20000)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each step (default: 9)")
    options = parser.parse_args(arguments)
    if shutil.which("javac") is None:
        print("skipped: javac is not installed", file=sys.stderr)
        return
    print(json.dumps(measure(options.count, options.rounds)))


if __name__ == "__main__":
    main()
