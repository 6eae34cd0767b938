"""Weights of EfficientNet-Lite0 to start from: as timm names them, or a file of the built-in image tower."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.builtin.shipped_weights import TOWER_PREFIX
from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    import torch

_TOWER_TRUNK = f"{TOWER_PREFIX}backbone."
_LAST = ("conv_head.", "bn2.")  # what the classifier reads
_NOT_USED = (*_LAST, "classifier.")  # what follows the last block


def read_trunk(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights of `TwoMapTrunk.backbone`, float32.

    Raises:
        SetupError: The file cannot be read, or holds other weights.
    """
    from edge_identify.convert.builtin.image_tower import TwoMapTrunk

    stored = _read(path)
    if any(key.startswith(_TOWER_TRUNK) for key in stored):
        stored = {key.removeprefix(_TOWER_TRUNK): value for key, value in stored.items() if _TOWER_TRUNK in key}
    wanted = TwoMapTrunk().backbone.state_dict()
    found = {key: value for key, value in stored.items() if not key.startswith(_NOT_USED)}
    for key in sorted(wanted.keys() | found.keys()):
        if key not in found or key not in wanted or found[key].shape != wanted[key].shape:
            raise SetupError(f"{path}: is not of timm's tf_efficientnet_lite0 ({key!r} does not fit)")
    return {key: value.to(wanted[key].dtype) for key, value in found.items()}


def read_last_features(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights of `LastFeatures`, float32; empty if the file has none, as one of the built-in tower.

    Raises:
        SetupError: The file cannot be read.
    """
    found = {key: value.float() for key, value in _read(path).items() if key.startswith(_LAST)}
    return found if any(key.startswith("conv_head") for key in found) else {}


def _read(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise SetupError(f"{path}: cannot be read as weights of a trunk ({error})") from error


def averaged(
    tuned: Mapping[str, torch.Tensor], pretrained: Mapping[str, torch.Tensor], share: float
) -> dict[str, torch.Tensor]:
    """Return `share` of the tuned weights and the rest of the pretrained ones (WiSE-FT, arXiv:2109.01903)."""
    return {
        key: pretrained[key].lerp(value, share) if value.is_floating_point() else value for key, value in tuned.items()
    }
