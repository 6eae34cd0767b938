"""The whole command, from start to answer: one 12-megapixel photo against 4,000 references.

    python benchmarks/cold_start.py --encoder-pack PACK [--rounds 7] [--with-open-clip]
        [--rclip-python PYTHON] [--fastembed-python PYTHON]

Takes the onnx-int8 image encoder of a pack, installs it with random references as `edge-identify sync` would, and
compares `edge-identify photo.jpg --json` with two short scripts on the same files: ONNX Runtime and FAISS as their
manuals show them, and open_clip and FAISS; and with rclip and fastembed where they are installed (`peers.py` says how
they run). Prints one JSON line: medians of wall and CPU time, peak memory, and what `edge-identify` takes of each
other's. A peer is skipped unless its command is on PATH (fastembed has none) or its Python is named; one that is named
must be there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from material import pack_with_references
from measuring import Command, compile_once, print_line, processes_interleaved
from peers import fastembed_command, has_package, python_on_path, rclip_command

from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, Manifest
from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from edge_identify.edge_runtime.photos.synthetic_photo import drawn_photo
from edge_identify.edge_runtime.store.pack_store import PackStore

_OURS = "import sys; from edge_identify.edge_runtime.cli.main import main; sys.exit(main())"

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

from edge_identify.convert.models.libraries import torchvision_operators
torchvision_operators.ensure_torchvision_operators()
import torch, open_clip, faiss
from PIL import Image
photo, index = sys.argv[1:]
model, _, transform = open_clip.create_model_and_transforms("ViT-B-32")  # random weights: nothing is loaded
with torch.no_grad():
    embedding = model.eval().encode_image(transform(Image.open(photo))[None])
print(faiss.read_index(index).search(torch.nn.functional.normalize(embedding).numpy(), 5))
"""

_INSTALLED = "edge_identify_installed"
_PEERS = {"rclip": rclip_command, "fastembed": fastembed_command}
_SETTLING_S = 4  # a file changed a moment ago is hashed again at each start; see verified_files.py


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder-pack", type=Path, required=True, metavar="PACK")
    parser.add_argument("--references", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--with-open-clip", action="store_true", help="8 s a round; for packs of ViT-B-32")
    for peer in _PEERS:
        parser.add_argument(f"--{peer}-python", type=Path, metavar="PYTHON", help=f"of an environment that has {peer}")
    options = parser.parse_args()
    peers, skipped = _peers(parser, options)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compile_once(folder / "compiled")
        photo = folder / "photo.jpg"
        photo.write_bytes(drawn_photo())
        commands = _own_and_scripts(folder, photo, options)
        for peer, python in peers.items():
            commands[peer] = _PEERS[peer](python, photo, folder / peer, references=options.references)
        figures = processes_interleaved(commands, options.rounds)
    print_line(
        "cold_start",
        references=options.references,
        rounds=options.rounds,
        figures=figures,
        share=_shares(figures),
        skipped=skipped,
    )


def _peers(parser: argparse.ArgumentParser, options: argparse.Namespace) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the Python of each peer that is here, and why each other one is left out."""
    found: dict[str, Path] = {}
    skipped = {} if options.with_open_clip else {"open_clip_faiss": "ask for it with --with-open-clip"}
    for peer in _PEERS:
        named: Path | None = getattr(options, f"{peer}_python")
        python = python_on_path(peer) if named is None else named.absolute()
        if named is not None and not has_package(named, peer):
            parser.error(f"--{peer}-python {named}: {peer} is not installed there; run: {named} -m pip install {peer}")
        if python is None:
            skipped[peer] = f"was not found; name the Python that has it with --{peer}-python"
        else:
            found[peer] = python
    for name, reason in skipped.items():
        print(f"SKIPPED {name}: {reason}", file=sys.stderr)
    return found, skipped


def _own_and_scripts(folder: Path, photo: Path, options: argparse.Namespace) -> dict[str, Command]:
    pack = pack_with_references(options.encoder_pack, folder / "pack", count=options.references)
    manifest = read_manifest(pack)
    _install(pack, manifest, folder / "store")
    time.sleep(_SETTLING_S)
    (variant,) = manifest.image_variants.values()
    size, index = str(manifest.preprocessing.size_px), str(pack / manifest.index.file)
    model = str(pack / variant.model)
    ours = [sys.executable, "-c", _OURS, str(photo), "--json"]
    script = [sys.executable, "-c", _ONNX_FAISS, str(photo), model, index, size, variant.input.name]
    commands = {
        _INSTALLED: Command(words=[*ours, "--store", str(folder / "store")]),
        "edge_identify_folder": Command(words=[*ours, "--pack", f"{pack}/"]),
        "onnxruntime_faiss_int8": Command(words=script),
    }
    if options.with_open_clip:
        commands["open_clip_faiss"] = Command(words=[sys.executable, "-c", _OPEN_CLIP_FAISS, str(photo), index])
    return commands


def _shares(figures: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return what the installed command takes of each other's time and memory."""
    own = figures[_INSTALLED]
    return {
        other: {key: round(own[key] / value, 3) for key, value in taken.items() if value}
        for other, taken in figures.items()
        if other != _INSTALLED
    }


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
