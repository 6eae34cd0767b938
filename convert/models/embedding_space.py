"""The id of a model's embedding space."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from edge_identify.edge_runtime.photos.preprocessing import Preprocessing

Triple = tuple[float, float, float]  # one value for each channel, RGB


def compute_space_id(model: nn.Module, preprocessing: Preprocessing, mean: Triple, std: Triple) -> str:
    """Return the id of a model's embedding space: a SHA-256 in hexadecimal.

    Vectors with different ids are not compared. The hash covers all parameters and persistent buffers by name, as
    little-endian float32 (so that the precision of the file does not matter), then mean, std and preprocessing.

    Compute it on the weights as published, before `reparameterise`. Folding changes names and values but not the
    embedding space, and another version of timm may fold differently.

    Args:
        model: The open_clip model.
        preprocessing: Its preprocessing.
        mean: Mean of each channel (RGB), for pixels of 0 to 1.
        std: Standard deviation of each channel (RGB), for pixels of 0 to 1.
    """
    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(f"{key} {list(tensor.shape)}\n".encode())
        digest.update(tensor.float().contiguous().numpy().astype("<f4", copy=False).data)
    recipe = [
        preprocessing.size_px,
        preprocessing.resize_mode.value,
        preprocessing.interpolation.value,
        mean,
        std,
    ]
    digest.update(json.dumps(recipe).encode())
    return digest.hexdigest()
