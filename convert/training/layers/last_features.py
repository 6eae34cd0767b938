"""The 1,280 numbers that ImageNet's classes are read from: what follows the last block of EfficientNet-Lite0."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from edge_identify.convert.builtin.image_tower import COARSE_CHANNELS

LAST_CHANNELS = 1280
_NORM_EPSILON = 1e-3  # of this net's batch norm


class LastFeatures(nn.Module):
    """The last convolution and its batch norm; the parts have timm's names."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_head = nn.Conv2d(COARSE_CHANNELS, LAST_CHANNELS, kernel_size=1, bias=False)
        self.bn2 = nn.BatchNorm2d(LAST_CHANNELS, eps=_NORM_EPSILON)

    def average(self, coarse: torch.Tensor) -> torch.Tensor:
        """Return [n, LAST_CHANNELS] from the map of stride 32, [n, COARSE_CHANNELS, side, side]."""
        seen = F.relu6(self.bn2(self.conv_head(coarse)))
        return seen.mean((2, 3))
