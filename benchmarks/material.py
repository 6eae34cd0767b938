"""What the benchmarks measure with: a drawn photo, and packs with any number of random references.

Speed does not depend on what vectors and weights say, so nothing here is downloaded: an encoder is taken from a
pack that is there, the rest is drawn. Nothing in these numbers says anything about accuracy.
"""

from __future__ import annotations

import platform
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, FileEntry, IndexKind, IndexSpec, Manifest, Variant
from edge_identify.edge_runtime.pack.manifest_json import serialise_manifest
from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from edge_identify.edge_runtime.pack.references import Reference, ReferenceImage
from edge_identify.edge_runtime.pack.references_writing import write_references

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime
    from numpy.typing import NDArray

_VECTORS_PER_CLUSTER = 200  # references resemble each other in groups, as real ones do
_CLUSTER_SPREAD = 0.6  # length of a vector's own part beside the cluster's: neighbours at cosine .7 or so


def machine() -> str:
    """Return the processor and system in words, for the line that a benchmark prints."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = f"{names[0]} x {len(names)}" if names else model
    return f"{model}, {platform.system()}, Python {platform.python_version()}"


def clustered_vectors(count: int, dim: int, *, seed: int) -> NDArray[np.float32]:
    """Return random unit vectors that lie in clusters; float32 [count, dim], in random order."""
    import numpy as np

    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((max(1, count // _VECTORS_PER_CLUSTER), dim), dtype=np.float32)
    vectors = rng.standard_normal((count, dim), dtype=np.float32)
    vectors *= np.float32(_CLUSTER_SPREAD)
    vectors += centres[rng.integers(0, len(centres), count)]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def single_threaded_session(model: Path | bytes) -> onnxruntime.InferenceSession:
    """Load an ONNX file, or its bytes, for one thread.

    Raises:
        SetupError: ONNX Runtime cannot load it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # its warnings are about its own optimisations
    given, name = (model, "the model") if isinstance(model, bytes) else (str(model), str(model))
    try:
        return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises its own classes, which share no base but this
        raise SetupError(f"{name}: ONNX Runtime cannot load this model ({str(error).splitlines()[0]})") from error


def write_index(path: Path, vectors: NDArray[np.float32], *, kind: IndexKind = IndexKind.SQ8) -> IndexSpec:
    """Write vectors as a pack's index, ids counting from 0, and return its entry of the manifest."""
    import faiss
    import numpy as np

    count, dim = vectors.shape
    inner = (
        faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
        if kind is IndexKind.SQ8
        else faiss.IndexFlatIP(dim)
    )
    index = faiss.IndexIDMap2(inner)
    index.train(vectors)
    index.add_with_ids(vectors, np.arange(count, dtype=np.int64))
    faiss.write_index(index, str(path))
    return IndexSpec(
        file=path.name, kind=kind, dim=dim, count=count, embedded_with="random", most_images_per_reference=1
    )


def pack_with_references(encoder_pack: Path, folder: Path, *, count: int, variant_name: str = "onnx-int8") -> Path:
    """Write a pack with one image encoder of another pack and `count` random references; return `folder`.

    The other pack's calibration comes along, so that answers are decided as a real pack's are. Its thumbnails and its
    text side do not.

    Args:
        encoder_pack: A pack that holds the variant; its other files may be gone.
        folder: Where; replaced if it is there.
        count: References, one vector each.
        variant_name: The encoder to take.
    """
    source = read_manifest(encoder_pack)
    variant = source.image_variants[variant_name]
    shutil.rmtree(folder, ignore_errors=True)
    kept = (*variant.files, source.conformance_file, source.calibration_file)
    for path in (path for path in kept if path is not None):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(encoder_pack / path, folder / path)
    index = write_index(folder / "images.faiss", clustered_vectors(count, source.model.dim, seed=1))
    references = [Reference(id=f"thing-{number}", name=f"Thing {number}") for number in range(count)]
    images = [
        ReferenceImage(index_id=number, reference_id=f"thing-{number}", sha256=f"{number:064x}")
        for number in range(count)
    ]
    write_references(folder / "references.sqlite", references, images)
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(_manifest(source, folder, variant, index)))
    return folder


def _manifest(source: Manifest, folder: Path, variant: Variant, index: IndexSpec) -> Manifest:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    entries = [
        FileEntry(
            path=path.relative_to(folder).as_posix(),
            length_bytes=path.stat().st_size,
            sha256=sha256_of_file(path),
        )
        for path in paths
    ]
    return replace(
        source,
        image_variants={variant.name: variant},
        text_variants={},
        tokenizer=None,
        thumbnails=None,
        index=replace(index, embedded_with=variant.name),
        references_file="references.sqlite",
        reference_count=index.count,
        files={entry.path: entry for entry in entries},
    )
