"""Reads and writes `.mlpackage` folders: three files; the same program always gives the same bytes.

Trap: coremltools' own `save` writes random identifiers into the manifest and the date of conversion into the model,
serialises maps in hash order, and adds a debug file. With it, the hashes of a pack would change at each build, and
devices would fetch a model that they have.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_identify.convert.export.coreml.coremltools_library import load_coremltools
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io import durable_writes

if TYPE_CHECKING:
    from coremltools.models import MLModel

SUFFIX = ".mlpackage"  # Core ML recognises packages by it

MANIFEST = "Manifest.json"
MODEL = "Data/com.apple.CoreML/model.mlmodel"
WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"

#: Every file of a package, by its path in it.
FILES = (MODEL, WEIGHTS, MANIFEST)

IMAGE_INPUT = "image"  # a Core ML image: RGB, size x size; a CVPixelBuffer or CGImage fits
TOKENS_INPUT = "tokens"  # int32 [1, context]
OUTPUT = "embedding"  # float32 [1, dim], a unit vector

REQUIRES = "iOS 16"  # also macOS 13; the first that supports int8 weights

#: The date of conversion: the only entry of the model's metadata that differs between two equal exports.
_DATE_KEY = "com.github.apple.coremltools.conversion_date"


def write_package(model: MLModel, out: Path) -> None:
    """Write a model as a package; an existing one is replaced.

    Args:
        model: A converted ML program; its weights are in a temporary package of coremltools.
        out: The package's folder, ending in `.mlpackage`; its parent exists.

    Raises:
        SetupError: The name does not end in `.mlpackage`.
    """
    check_name(out)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
        draft = Path(folder) / out.name
        for path in FILES:
            (draft / path).parent.mkdir(parents=True, exist_ok=True)
        durable_writes.write_bytes(draft / MODEL, _specification_bytes(model))
        shutil.copyfile(Path(model.weights_dir) / Path(WEIGHTS).name, draft / WEIGHTS)
        durable_writes.write_bytes(draft / MANIFEST, _manifest_bytes())
        if out.exists():
            shutil.rmtree(out)
        draft.rename(out)


def check_name(out: Path) -> None:
    """Refuse a package name that Core ML would not recognise, before the export, which takes minutes.

    Raises:
        SetupError: The name does not end in `.mlpackage`.
    """
    if out.suffix != SUFFIX:
        raise SetupError(f"{out}: a Core ML package is a folder whose name ends in {SUFFIX}; give such a name")


def read_specification(package: Path) -> Any:
    """Read a package's model specification (coremltools' protobuf message), without its weights.

    Raises:
        SetupError: One of the package's three files is missing, or the model in it cannot be read.
    """
    from google.protobuf.message import DecodeError

    missing = next((path for path in FILES if not (package / path).is_file()), None)
    if missing is not None:
        raise SetupError(f"{package}: is not a Core ML package, {missing} is missing; export it again")
    try:
        return load_coremltools().utils.load_spec(str(package))
    except (DecodeError, RuntimeError, ValueError) as error:
        # RuntimeError and ValueError: the package library cannot parse the manifest.
        raise SetupError(f"{package}: the Core ML model in it cannot be read ({error}); export it again") from error


def _specification_bytes(model: MLModel) -> bytes:
    specification = model.get_spec()  # a copy
    specification.description.metadata.userDefined.pop(_DATE_KEY, None)
    data: bytes = specification.SerializeToString(deterministic=True)
    return data


def _manifest_bytes() -> bytes:
    root, weights = _identifier(MODEL), _identifier(WEIGHTS)
    manifest = {
        "fileFormatVersion": "1.0.0",
        "itemInfoEntries": {
            root: {
                "author": "com.apple.CoreML",
                "description": "CoreML Model Specification",
                "name": "model.mlmodel",
                "path": "com.apple.CoreML/model.mlmodel",
            },
            weights: {
                "author": "com.apple.CoreML",
                "description": "CoreML Model Weights",
                "name": "weights",
                "path": "com.apple.CoreML/weights",
            },
        },
        "rootModelIdentifier": root,
    }
    return json.dumps(manifest, indent=4, sort_keys=True).encode() + b"\n"


def _identifier(path: str) -> str:
    # Identifiers only have to be unique within a package; these are derived from the path.
    return str(uuid.uuid5(uuid.NAMESPACE_URL, path))
