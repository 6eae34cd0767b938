"""Pixels as the image tower takes them while it is trained; an exported tower does this itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_identify.convert.builtin.registration import MEAN, STD

if TYPE_CHECKING:
    import torch


def net_pixels(pixels: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return normalised pixels [n, 3, side, side] on a device from pixels of 0 to 1."""
    import torch

    mean, deviation = (torch.tensor(each, device=device).view(1, 3, 1, 1) for each in (MEAN, STD))
    return ((pixels.to(device) - mean) / deviation).contiguous(memory_format=torch.channels_last)
