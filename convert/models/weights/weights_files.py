"""Weights from a local file into a model, whole or not at all, without running anything that the file holds."""

from __future__ import annotations

import pickle
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.models.libraries.library_logging import quiet_open_clip
from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    from torch import nn

_LONGEST_REASON = 160  # characters: torch lists every key that does not fit
_MOST_KEYS = 3  # of each kind are named; the rest is counted
_LONGEST_KEY = 80  # characters; a layer's path is shorter, and a hostile file's has no end

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


def load_weights(model: nn.Module, name: str, checkpoint: Path) -> None:
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
        with quiet_open_clip(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected pickle protocol")  # whether it fits shows at once
            open_clip.load_checkpoint(model, str(checkpoint), strict=True, weights_only=True)
    except (*_REFUSALS, SafetensorError) as error:
        lines = str(error).strip().splitlines() or [""]
        if "loading state_dict" in lines[0]:
            raise SetupError(
                f"{checkpoint}: is not a checkpoint of {name} ({_misfits(str(error))}); give the weights of this model,"
                " or the --model or --model-config that these weights belong to"
            ) from error
        if "Weights only load failed" in lines[0]:
            raise SetupError(
                f"{checkpoint}: cannot be read as a checkpoint without running code that it holds, which is refused;"
                " save the weights alone, with torch.save(model.state_dict(), ...) or as .safetensors"
            ) from error
        raise SetupError(
            f"{checkpoint}: cannot be read as a checkpoint; it may be damaged or cut short, so fetch or save it again"
            f" ({shortened_reason(f'{type(error).__name__}: {lines[0]}')})"
        ) from error


def _misfits(refusal: str) -> str:
    """Say in one line which keys do not fit, from torch's pages of them."""
    wrong_shapes = re.findall(
        r"size mismatch for (\S+): .*? shape torch\.Size\(\[(.*?)\]\) from checkpoint, .*? torch\.Size\(\[(.*?)\]\)",
        refusal,
    )
    kinds = {
        "missing": _listed_after("Missing", refusal),
        "unexpected": _listed_after("Unexpected", refusal),
        "of another shape": [f"{key} [{found}] instead of [{needed}]" for key, found, needed in wrong_shapes],
    }
    return "; ".join(f"{len(keys)} {kind}: {_first(keys)}" for kind, keys in kinds.items() if keys)


def _listed_after(word: str, refusal: str) -> list[str]:
    found = re.search(rf"{word} key\(s\) in state_dict: (.*)", refusal)
    return re.findall(r'"([^"]*)"', found[1]) if found else []


def _first(keys: list[str]) -> str:
    more = len(keys) - _MOST_KEYS
    return ", ".join(shortened_reason(key, _LONGEST_KEY) for key in keys[:_MOST_KEYS]) + (
        f" and {more} more" if more > 0 else ""
    )


def shortened_reason(text: str, longest: int = _LONGEST_REASON) -> str:
    """Return a library's words, cut to what fits into one line: at most `longest` characters."""
    return text if len(text) <= longest else text[: longest - 3] + "..."
