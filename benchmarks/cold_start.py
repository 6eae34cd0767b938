"""The whole command, from start to answer: one 12-megapixel photo against 4,000 references.

    python benchmarks/cold_start.py --encoder-pack PACK [--rounds 7] [--with-open-clip]

Takes the onnx-int8 image encoder of a pack, installs it with random references as `edge-identify sync` would, and
compares `edge-identify photo.jpg --json` with two short scripts on the same files: ONNX Runtime and FAISS as their
manuals show them, and open_clip and FAISS. Prints one JSON line with medians of wall and CPU time and peak memory.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from material import pack_with_references
from measuring import print_line, processes_interleaved

from edge_identify.edge_runtime.drawn_photo import drawn_photo
from edge_identify.edge_runtime.durable import sha256_of_file
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, Manifest
from edge_identify.edge_runtime.pack.reader import read_manifest
from edge_identify.edge_runtime.store import PackStore

_OURS = "import sys; from edge_identify.edge_runtime.commands.identify import main; sys.exit(main())"

_ONNX_FAISS = """
import sys, numpy, onnxruntime, faiss
from PIL import Image
photo, model, index, size, name = sys.argv[1:]
size = int(size)
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
image = Image.open(photo).convert("RGB")
image = image.resize((image.width * size // image.height, size), Image.Resampling.BICUBIC)
left = (image.width - size) // 2
pixels = numpy.asarray(image.crop((left, 0, left + size, size)))[None]
embedding = session.run(None, {name: pixels})[0]
print(faiss.read_index(index).search(embedding, 5))
"""

_OPEN_CLIP_FAISS = """
import sys

from edge_identify.convert.models import torchvision_operators
torchvision_operators.ensure_torchvision_operators()
import torch, open_clip, faiss
from PIL import Image
photo, index = sys.argv[1:]
model, _, transform = open_clip.create_model_and_transforms("ViT-B-32")  # random weights: nothing is loaded
with torch.no_grad():
    embedding = model.eval().encode_image(transform(Image.open(photo))[None])
print(faiss.read_index(index).search(torch.nn.functional.normalize(embedding).numpy(), 5))
"""

_SETTLING_S = 4  # a file changed a moment ago is hashed again at each start; see verified_files.py


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder-pack", type=Path, required=True, metavar="PACK")
    parser.add_argument("--references", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--with-open-clip", action="store_true", help="8 s a round; for packs of ViT-B-32")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        commands, skipped = _prepare(Path(folder), options)
        for name, reason in skipped.items():
            print(f"SKIPPED {name}: {reason}", file=sys.stderr)
        figures = processes_interleaved(commands, options.rounds)
    print_line("cold_start", references=options.references, rounds=options.rounds, figures=figures, skipped=skipped)


def _prepare(folder: Path, options: argparse.Namespace) -> tuple[dict[str, list[str]], dict[str, str]]:
    photo = folder / "photo.jpg"
    photo.write_bytes(drawn_photo())
    pack = pack_with_references(options.encoder_pack, folder / "pack", count=options.references)
    manifest = read_manifest(pack)
    _install(pack, manifest, folder / "store")
    time.sleep(_SETTLING_S)
    (variant,) = manifest.image_variants.values()
    size, index = str(manifest.preprocessing.size_px), str(pack / manifest.index.file)
    model = str(pack / variant.model)
    ours = [sys.executable, "-c", _OURS, str(photo), "--json"]
    commands = {
        "edge_identify_installed": [*ours, "--store", str(folder / "store")],
        "edge_identify_folder": [*ours, "--pack", f"{pack}/"],
        "onnxruntime_faiss_int8": [
            sys.executable, "-c", _ONNX_FAISS, str(photo), model, index, size, variant.input.name
        ],
    }  # fmt: skip
    skipped = {}
    if options.with_open_clip:
        commands["open_clip_faiss"] = [sys.executable, "-c", _OPEN_CLIP_FAISS, str(photo), index]
    else:
        skipped["open_clip_faiss"] = "ask for it with --with-open-clip"
    for peer in ("rclip", "fastembed"):
        here = find_spec(peer) or shutil.which(peer)
        skipped[peer] = "needs a folder of its own weights; not run here" if here else "is not installed"
    return commands, skipped


def _install(pack: Path, manifest: Manifest, root: Path) -> None:
    store = PackStore(root)
    with store.updating(manifest.name):
        store.stage(manifest.name, (pack / MANIFEST_NAME).read_bytes(), {path: pack / path for path in manifest.files})
        store.activate(
            store.describe(
                manifest.name,
                manifest.version,
                variant_names=manifest.variant_names(),
                source="http://localhost/",
                manifest_sha256=sha256_of_file(pack / MANIFEST_NAME),
            )
        )


if __name__ == "__main__":
    main()
