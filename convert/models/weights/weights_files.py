"""Loads weights from a local file into a model: completely or not at all, without executing code from the file."""

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
_MOST_KEYS = 3  # keys of each kind that are named; the others are counted
_LONGEST_KEY = 80  # characters; paths of layers are shorter, keys in a hostile file may be long

#: Exceptions of torch's reader, and of open_clip's conversion of foreign checkpoints, for a file that does not fit.
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
    """Load weights from a file into a model.

    Args:
        model: The model; it is changed in place.
        name: Name of the model, for messages.
        checkpoint: A `.safetensors` file, or a file of torch that holds only weights.

    Raises:
        SetupError: The file is damaged, is of another model, or holds code.
    """
    import open_clip
    from safetensors import SafetensorError

    try:
        with quiet_open_clip(), warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message="Detected pickle protocol"
            )  # a file that does not fit is reported below
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
    """Return one line that names the keys that do not fit, from torch's long message."""
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
    """Return a text cut to at most `longest` characters."""
    return text if len(text) <= longest else text[: longest - 3] + "..."
