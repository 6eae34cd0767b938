"""Weights from a local file into a model, whole or not at all, without running anything that the file holds."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.models.library_chatter import quiet_open_clip
from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    from torch import nn

_LONGEST_REASON = 160  # characters: torch lists every key that does not fit

#: The many ways in which torch's format, and open_clip's rewriting of foreign checkpoints, refuse a file.
_REFUSALS = (
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)


def load_checkpoint(model: nn.Module, name: str, checkpoint: Path) -> None:
    """Fill a model.

    Args:
        model: The model.
        name: What messages call it.
        checkpoint: A `.safetensors` file, or one of torch's without code in it.

    Raises:
        SetupError: The file is damaged, or of another model.
    """
    import open_clip
    from safetensors import SafetensorError

    try:
        with quiet_open_clip():
            open_clip.load_checkpoint(model, str(checkpoint), strict=True, weights_only=True)
    except (*_REFUSALS, SafetensorError) as error:
        lines = str(error).strip().splitlines() or [""]
        if "loading state_dict" in lines[0]:
            raise SetupError(f"{checkpoint}: is not a checkpoint of {name} ({shortened(lines[-1].strip())})") from error
        raise SetupError(
            f"{checkpoint}: cannot be read as a checkpoint; it may be damaged or cut short"
            f" ({shortened(f'{type(error).__name__}: {lines[0]}')})"
        ) from error


def shortened(reason: str) -> str:
    """Return a library's words, cut to what fits into one line."""
    return reason if len(reason) <= _LONGEST_REASON else reason[: _LONGEST_REASON - 3] + "..."
