"""An adapter as a value and as a file.

The builder keeps the file and reuses it for every later version of the pack. So the encoder files stay the same bytes,
and devices do not fetch them again. A pack holds no adapter file: the adapter is part of the encoders' graphs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.output_writes import write_output

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.convert.models.model_loading import LoadedModel

_MATRIX, _LEARNT_WITH = "matrix", "learnt_with"
_MOST = 1e3  # largest absolute value; shrinkage keeps learnt values near 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A linear map of an encoder's embeddings, both of images and of texts.

    Attributes:
        matrix: float32 [dim, dim]. Embeddings (rows) are multiplied by it, then normalised to length 1.
        space_id: Embedding space of the encoder that it was learnt with.
        references: Number of references that it was learnt from.
    """

    matrix: NDArray[np.float32]
    space_id: str
    references: int


def adapt(model: LoadedModel, adapter: Adapter, *, name: str) -> LoadedModel:
    """Return the model with the adapter in both towers and a new `space_id`.

    Args:
        model: A model without an adapter.
        adapter: An adapter that was learnt with this model.
        name: Name of the adapter for error messages.

    Raises:
        SetupError: The adapter was learnt with another encoder.
    """
    if adapter.space_id != model.space_id or adapter.matrix.shape != (model.dim, model.dim):
        raise SetupError(
            f"{name}: was not learnt with the encoder {model.name}; name another file to learn a new adapter"
        )
    digest = hashlib.sha256(f"{model.space_id}\n".encode())
    digest.update(np.ascontiguousarray(adapter.matrix, dtype="<f4").data)
    return replace(model, adapter=adapter.matrix, space_id=digest.hexdigest())


def write_adapter(path: Path, adapter: Adapter) -> None:
    """Write an adapter as a `.safetensors` file."""
    from safetensors.numpy import save

    # One metadata entry only: safetensors writes several in random order, and equal adapters would differ in bytes.
    about = {_LEARNT_WITH: f"{adapter.space_id} {adapter.references}"}
    write_output(path, save({_MATRIX: np.ascontiguousarray(adapter.matrix)}, metadata=about))


def read_adapter(path: Path) -> Adapter:
    """Read an adapter that `write_adapter` wrote.

    Raises:
        SetupError: The file cannot be read, is not an adapter, or holds impossible values.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            about, names = file.metadata() or {}, set(file.keys())
            matrix = file.get_tensor(_MATRIX) if names == {_MATRIX} else None
    except (OSError, SafetensorError) as error:
        raise SetupError(
            f"{path}: cannot be read as an adapter ({error}); name another file to learn a new adapter"
        ) from error
    space_id, _, references = about.get(_LEARNT_WITH, "").partition(" ")
    is_counted = references.isascii() and references.isdigit()
    if matrix is None or matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not is_counted:
        raise SetupError(f"{path}: is not an adapter; `edge-build pack --adapter` writes adapters")
    if matrix.dtype != np.float32 or not np.isfinite(matrix).all() or np.abs(matrix).max() > _MOST:
        raise SetupError(f"{path}: holds values that no adapter has; name another file to learn a new adapter")
    return Adapter(matrix=matrix, space_id=space_id, references=int(references))
