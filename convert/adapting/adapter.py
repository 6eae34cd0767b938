"""An adapter as a value and as a file.

The file belongs to the maker, not to the pack: learnt once, it is given to every later version of a pack, so that the
encoders stay the same bytes and devices fetch only what is new. In a pack the adapter is inside the encoders' graphs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.durable_writes import write_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.convert.models.model_loading import LoadedModel

_MATRIX, _LEARNT_WITH = "matrix", "learnt_with"
_MOST = 1e3  # of any number: the round covariance keeps all of them near 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A linear map of an encoder's embeddings, of images and of texts alike.

    Attributes:
        matrix: float32 [dim, dim]; rows of embeddings are multiplied by it and get length 1 again.
        space_id: Of the encoder that it was learnt with.
        references: How many references it was learnt from.
    """

    matrix: NDArray[np.float32]
    space_id: str
    references: int


def adapt(model: LoadedModel, adapter: Adapter, *, name: str) -> LoadedModel:
    """Return a model with an adapter in both towers, and an embedding space of its own.

    Args:
        model: Without an adapter.
        adapter: Learnt with this model.
        name: What error messages call the adapter.

    Raises:
        SetupError: It was learnt with another encoder.
    """
    if adapter.space_id != model.space_id or adapter.matrix.shape != (model.dim, model.dim):
        raise SetupError(f"{name}: was learnt with another encoder than {model.name}; name another file to learn anew")
    digest = hashlib.sha256(f"{model.space_id}\n".encode())
    digest.update(np.ascontiguousarray(adapter.matrix, dtype="<f4").data)
    return replace(model, adapter=adapter.matrix, space_id=digest.hexdigest())


def write_adapter(path: Path, adapter: Adapter) -> None:
    """Write an adapter (.safetensors)."""
    from safetensors.numpy import save

    # One entry: several are written in any order, and the same adapter would not be the same bytes.
    about = {_LEARNT_WITH: f"{adapter.space_id} {adapter.references}"}
    write_bytes(path, save({_MATRIX: np.ascontiguousarray(adapter.matrix)}, metadata=about))


def read_adapter(path: Path) -> Adapter:
    """Read an adapter that `write_adapter` wrote.

    Raises:
        SetupError: It cannot be read, or is none.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            about, names = file.metadata() or {}, set(file.keys())
            matrix = file.get_tensor(_MATRIX) if names == {_MATRIX} else None
    except (OSError, SafetensorError) as error:
        raise SetupError(f"{path}: cannot be read as an adapter ({error}); name another file to learn anew") from error
    space_id, _, references = about.get(_LEARNT_WITH, "").partition(" ")
    is_counted = references.isascii() and references.isdigit()
    if matrix is None or matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not is_counted:
        raise SetupError(f"{path}: is no adapter; `edge-build pack --adapter` writes them")
    if matrix.dtype != np.float32 or not np.isfinite(matrix).all() or np.abs(matrix).max() > _MOST:
        raise SetupError(f"{path}: holds numbers that no adapter has; name another file to learn anew")
    return Adapter(matrix=matrix, space_id=space_id, references=int(references))
