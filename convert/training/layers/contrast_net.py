"""What learns by contrast: the image tower's trunk with a head of its own, which is thrown away afterwards.

Half of the embedding is for the thing itself, the other half for what kind of thing it is (it follows a teacher). Each
half has length 1, so neither can drown the other.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from edge_identify.convert.builtin.image_tower import LayoutTrunk, feature_count

CONTRAST_SIDE_PX = 96
CONTRAST_DIM = 512


class ContrastNet(LayoutTrunk):
    """The trunk, and two linear layers of its features at one size; CONTRAST_DIM numbers."""

    def __init__(self) -> None:
        super().__init__()
        features = feature_count(CONTRAST_SIDE_PX)
        self.instance = nn.Linear(features, CONTRAST_DIM // 2)
        self.kind = nn.Linear(features, CONTRAST_DIM // 2)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return [n, CONTRAST_DIM], two halves of length 1, from normalised float pixels [n, 3, side, side].

        The side is 65 to 96 pixels: the last map is 3 x 3 then.
        """
        features = self.features(pixels)
        halves = [F.normalize(half(features), dim=1) for half in (self.instance, self.kind)]
        return torch.cat(halves, dim=1)
