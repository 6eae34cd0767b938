"""Packs that are built here, tested on other processors by emulation: `make portability`.

The 8-bit kernels of ONNX Runtime differ from processor to processor. This script builds a pack with the built-in
encoder and a pack with a small vision transformer, and lets each emulated processor embed the photos of their
self-tests, and those of the golden packs. The embeddings must agree with the ones that were computed here.

It needs `qemu-x86_64-static` (Debian: qemu-user-static) and says so where it is absent. Another Python that can import
numpy and onnxruntime, such as one for ARM, is added with `--also NAME="COMMAND"`.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[1]
GOLDEN_PACKS = sorted(path.parent for path in (ROOT / "tests/golden").glob("*/pack.json"))
QEMU = "qemu-x86_64-static"

#: qemu's names of processors, and whether they saturate 8-bit products: AVX2 without VNNI does.
PROCESSORS = {"Haswell": True, "Nehalem": False}

#: Kernels that compute exactly still round floats differently, and a value on the edge of a step goes either way.
LEAST_COSINE = 0.999

_REFERENCES = 12
_TRANSFORMER = {
    "embed_dim": 256,
    "vision_cfg": {"image_size": 160, "layers": 6, "width": 384, "patch_size": 16, "ls_init_value": 0.1},
    "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 256, "heads": 4, "layers": 4},
}


def main() -> int:
    """Run the checks; returns 0 where all embeddings agree, or where there is no emulator."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--also", action="append", default=[], metavar="NAME=COMMAND", help="another Python")
    parser.add_argument("--device", type=Path, nargs="+", metavar="PACK", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.device:
        print(json.dumps(embed_self_tests(options.device)))
        return 0
    pythons: list[tuple[str, list[str], bool | None]] = [
        (name, [QEMU, "-cpu", name, sys.executable], saturates) for name, saturates in PROCESSORS.items()
    ]
    if shutil.which(QEMU) is None:
        print(f"SKIPPED: no {QEMU} on this machine; apt-get install qemu-user-static", file=sys.stderr)
        pythons = []
    for text in options.also:
        name, _, command = text.partition("=")
        pythons.append((name, shlex.split(command), None))
    if not pythons:
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        packs = [*build_packs(Path(scratch)), *GOLDEN_PACKS]
        results = [check(name, python, saturates, packs) for name, python, saturates in pythons]
    print(f"{sum(results)} of {len(results)} processors agree")
    return 0 if all(results) else 1


def build_packs(folder: Path) -> list[Path]:
    """Build the packs with this machine's processor, and return their folders."""
    catalogue, configuration = folder / "demo.catalogue", folder / "transformer.json"
    configuration.write_text(json.dumps(_TRANSFORMER), encoding="utf-8")
    run("edge-build", "draw-demo", folder / "set", "--count", _REFERENCES)
    run("edge-build", "add", f"image-list:{folder / 'set/references.csv'}", "--catalogue", catalogue)
    models: dict[str, list[object]] = {
        "builtin": [],
        "transformer": ["--model-config", configuration, "--pretrained", "random"],
    }
    for name, model in models.items():
        words = ["--catalogue", catalogue, "--name", name, "--variants", "onnx-int8", *model]
        run("edge-build", "pack", *words, "--out", folder / name)
    return [folder / name for name in models]


def run(command: str, *words: object) -> None:
    """Run one of the installed commands, its output on standard error."""
    subprocess.run([Path(sys.executable).parent / command, *map(str, words)], check=True, stdout=sys.stderr)


def check(name: str, python: Sequence[str], saturates: bool | None, packs: Sequence[Path]) -> bool:
    """Let a processor embed the self-tests of some packs; print what came of it and return whether all agree."""
    started = perf_counter()
    words = [*python, __file__, "--device", *map(str, packs)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=one_thread)
    if done.returncode != 0:
        print(f"{name:12} FAILED: exit {done.returncode}: {done.stderr[-2000:]}")
        return False
    found = json.loads(done.stdout.splitlines()[-1])
    is_right = saturates in (None, found["saturates"])
    for pack, cosines in found["cosines"].items():
        is_right = is_right and min(cosines) >= LEAST_COSINE
        print(f"{name:12} {pack:24} least cosine {min(cosines):.6f} of {len(cosines)} embeddings")
    verdict = "ok" if is_right else "FAILED"
    print(f"{name:12} {verdict}, saturates: {found['saturates']} ({perf_counter() - started:.0f} s)", flush=True)
    return is_right


def embed_self_tests(folders: Sequence[Path]) -> dict[str, object]:
    """Return the cosines of this processor's embeddings with the expected ones, by pack."""
    from edge_identify.edge_runtime.encoders.saturation import saturates_here

    return {"cosines": {folder.name: embed_cases(folder) for folder in folders}, "saturates": saturates_here()}


def embed_cases(folder: Path) -> list[float]:
    """Return the cosines of this processor's embeddings with the expected ones, over a pack's self-test."""
    import numpy as np

    from edge_identify.edge_runtime.pack.pack_reader import open_pack
    from edge_identify.edge_runtime.photos.images import open_image
    from edge_identify.edge_runtime.search.identifier import Identifier

    pack = open_pack(folder)
    cases = json.loads(pack.file(pack.manifest.conformance_file).read_text(encoding="utf-8"))["cases"]
    cosines = []
    with Identifier(pack) as identifier:
        for case in cases:
            pixels = identifier.pixels(open_image(pack.file(case["photo"])))
            found, expected = identifier.embed_pixels(pixels[None])[0], np.array(case["embedding"])
            cosines.append(float(found @ expected / np.linalg.norm(found) / np.linalg.norm(expected)))
    return cosines


if __name__ == "__main__":
    sys.exit(main())
