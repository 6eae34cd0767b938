"""A fingerprint of this software and of the libraries it computes with; part of every key of the cache."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib import import_module
from pathlib import Path

#: Libraries that decode, draw, export or compute, by the names of their distributions.
_LIBRARIES = (
    "coremltools", "numpy", "onnx", "onnx-ir", "onnxruntime", "onnxruntime-gpu", "onnxscript", "open_clip_torch",
    "pillow", "pillow-heif", "timm", "torch", "torchvision",
)  # fmt: skip
_PACKAGES = tuple(
    f"edge_identify.{name}" for name in ("convert", "datasets.catalogue", "datasets.drawn", "edge_runtime")
)


@cache
def code_fingerprint() -> str:
    """Return a SHA-256, in hexadecimal, of a build's source files, the libraries' versions and the kind of machine."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted(Path(import_module(package).__path__[0]).rglob("*.py")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for library in _LIBRARIES:
        digest.update(f"{library} {_version(library)}\n".encode())
    digest.update(platform.machine().encode())
    return digest.hexdigest()


def _version(library: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # as late as possible: help must not wait for it

    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"
