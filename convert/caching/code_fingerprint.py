"""A fingerprint of this software and of the libraries it computes with; part of every key of the cache."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import import_module
from pathlib import Path

#: Libraries that decode, draw, export or compute.
_LIBRARIES = ("coremltools", "numpy", "onnx", "onnxruntime", "onnxscript", "open_clip_torch", "pillow", "timm", "torch")
_PACKAGES = tuple(
    f"edge_identify.{name}" for name in ("convert", "datasets.catalogue", "datasets.drawn", "edge_runtime")
)


@cache
def code_fingerprint() -> str:
    """Return a SHA-256, in hexadecimal, of the source files of a build and the versions of the libraries."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted(Path(import_module(package).__path__[0]).rglob("*.py")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for library in _LIBRARIES:
        digest.update(f"{library} {_version(library)}\n".encode())
    return digest.hexdigest()


def _version(library: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # as late as possible: help must not wait for it

    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"
