"""Converts open_clip's preprocess configuration to a pack's preprocessing."""

from __future__ import annotations

from typing import Any

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.photos.preprocessing import MAX_SIZE_PX, Interpolation, Preprocessing, ResizeMode

_RESIZE_MODES = {"shortest": ResizeMode.SHORTEST_SIDE, "squash": ResizeMode.SQUASH}
_INTERPOLATIONS = {"bicubic": Interpolation.BICUBIC, "bilinear": Interpolation.BILINEAR}


def read_preprocessing(name: str, values: dict[str, Any]) -> Preprocessing:
    """Convert open_clip's preprocess configuration to a pack's preprocessing.

    Args:
        name: Name of the model, for messages.
        values: open_clip's `PreprocessCfg` as a dictionary.

    Raises:
        SetupError: Devices do not support it: the input is not square, or the filter or resize mode is unknown.
    """
    size = values["size"]
    sides = {size} if isinstance(size, int) else set(size)
    mode, filter_name = values["resize_mode"], values["interpolation"]
    if len(sides) != 1 or max(sides) > MAX_SIZE_PX:
        raise SetupError(f"{name}: takes images of {size} pixels; only squares up to {MAX_SIZE_PX} are supported")
    if mode not in _RESIZE_MODES:
        raise SetupError(f"{name}: resizes by `{mode}`; only {', '.join(_RESIZE_MODES)} are supported")
    if filter_name not in _INTERPOLATIONS:
        raise SetupError(f"{name}: resamples by `{filter_name}`; only {', '.join(_INTERPOLATIONS)} are supported")
    return Preprocessing(
        size_px=sides.pop(), resize_mode=_RESIZE_MODES[mode], interpolation=_INTERPOLATIONS[filter_name]
    )
