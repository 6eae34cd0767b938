"""The weights that come with this package, and how they become a model's.

All are half precision. The text tower has 49,408 token embeddings, of which training has seen a few
hundred; only those are stored, with their ids. A token never seen is a zero vector, so a word the tower
does not know adds its position and nothing else. (Random vectors would cost 12 MB and mean as little.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.output_writes import write_output

if TYPE_CHECKING:
    import torch
    from torch import nn

IMAGE_WEIGHTS = Path(__file__).with_name("image_tower.safetensors")
TEXT_WEIGHTS = Path(__file__).with_name("text_tower.safetensors")
TEXT_VOCABULARY = TEXT_WEIGHTS.with_suffix(".txt")  # the words that the text tower knows, one a line

_IMAGE_PREFIX = "visual."
TOWER_PREFIX = "visual.trunk."  # where open_clip puts a timm model
_EMBEDDING = "text.token_embedding.weight"
_SEEN_IDS = "text.token_embedding.seen_ids"
_SEEN_ROWS = "text.token_embedding.seen_rows"


def load_image_weights(model: nn.Module, path: Path = IMAGE_WEIGHTS) -> None:
    """Fill the image tower of an `edge-builtin` model, in place, from the shipped file or one like it."""
    from safetensors.torch import load_file

    _load_part(model, load_file(path), is_image=True)


def load_text_weights(model: nn.Module, path: Path = TEXT_WEIGHTS) -> None:
    """Fill all but the image tower of an `edge-builtin` model, in place; see `load_image_weights`."""
    from safetensors.torch import load_file

    state = load_file(path)
    ids, rows = state.pop(_SEEN_IDS), state.pop(_SEEN_ROWS)
    embedding = model.state_dict()[_EMBEDDING].new_zeros(model.state_dict()[_EMBEDDING].shape)
    embedding[ids.long()] = rows.to(embedding.dtype)
    _load_part(model, {**state, _EMBEDDING: embedding}, is_image=False)


def read_image_state(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights of the bare image tower, float32, from the shipped file or one like it.

    Raises:
        SetupError: The file cannot be read, or holds other weights.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        stored = load_file(path)
    except (OSError, SafetensorError) as error:
        raise SetupError(f"{path}: cannot be read as weights of an image tower ({error})") from error
    if foreign := [key for key in stored if not key.startswith(TOWER_PREFIX)]:
        raise SetupError(f"{path}: holds {foreign[0]!r}, which is not of the built-in image tower")
    return {
        key.removeprefix(TOWER_PREFIX): value.float() if value.is_floating_point() else value
        for key, value in stored.items()
    }


def write_image_state(state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write the weights of the bare image tower as half precision, as `load_image_weights` reads them."""
    from safetensors.torch import save

    write_output(path, save({f"{TOWER_PREFIX}{key}": _stored(state[key]) for key in sorted(state)}))


def save_image_weights(model: nn.Module, path: Path) -> None:
    """Write the image tower of an `edge-builtin` model as half precision."""
    from safetensors.torch import save

    state = model.state_dict()
    stored = {key: _stored(state[key]) for key in sorted(state) if key.startswith(_IMAGE_PREFIX)}
    write_output(path, save(stored))


def save_text_weights(model: nn.Module, path: Path, *, seen_ids: Sequence[int]) -> None:
    """Write all but the image tower of an `edge-builtin` model as half precision.

    Args:
        model: The model.
        path: Where to.
        seen_ids: The tokens whose embeddings were trained; the others are not stored.
    """
    import torch
    from safetensors.torch import save

    state = model.state_dict()
    ids = torch.tensor(sorted(seen_ids), dtype=torch.int32)
    stored = {key: _stored(state[key]) for key in sorted(state) if not key.startswith(_IMAGE_PREFIX)}
    stored[_SEEN_ROWS] = stored.pop(_EMBEDDING)[ids.long()].contiguous()
    stored[_SEEN_IDS] = ids
    write_output(path, save(stored))


def _load_part(model: nn.Module, part: dict[str, torch.Tensor], *, is_image: bool) -> None:
    # The other part keeps what it has, so that `strict` still refuses a file with a name missing or too many.
    kept = {key: value for key, value in model.state_dict().items() if key.startswith(_IMAGE_PREFIX) is not is_image}
    model.load_state_dict({**kept, **part}, strict=True)


def _stored(tensor: torch.Tensor) -> torch.Tensor:
    tensor = tensor.detach().cpu()
    return tensor.half().contiguous() if tensor.is_floating_point() else tensor.contiguous()
