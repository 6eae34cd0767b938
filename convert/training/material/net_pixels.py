"""Pixels as the image tower takes them while it is trained; an exported tower does this itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_MEAN = (0.48145466, 0.4578275, 0.40821073)  # OpenAI's, as the model's configuration says
_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


def net_pixels(pixels: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return normalised pixels [n, 3, side, side] on a device from pixels of 0 to 1."""
    import torch

    mean, deviation = (torch.tensor(each, device=device).view(1, 3, 1, 1) for each in (_MEAN, _DEVIATION))
    return ((pixels.to(device) - mean) / deviation).contiguous(memory_format=torch.channels_last)
