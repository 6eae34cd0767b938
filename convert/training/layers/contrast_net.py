"""What learns by contrast: the later blocks of a pretrained trunk, under a head that is thrown away afterwards.

The stem and the first blocks stay as they are, and so do batch norm's means and variances everywhere: a small batch of
simulated photos says little of pictures at large. Its scale and shift learn in the later blocks. Freezing the first
blocks also saves half of the work.

`Part.COARSE` leaves the fine map as it is, too. What tells mosaics apart is read from the fine map, and more pairs of
packages made it worse at that.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from edge_identify.convert.builtin.image_tower import COARSE_CHANNELS, FINE_CHANNELS, TwoMapTrunk
from edge_identify.convert.training.layers.last_features import LastFeatures

if TYPE_CHECKING:
    from torch import Tensor

CONTRAST_DIM = 384
_FROZEN_BLOCKS = 3
_FINE_BLOCKS = 5  # the fine map comes out of the last of these
_CELLS = 5  # along a side of each map in the head
_FINE_LAYOUT, _COARSE_LAYOUT, _COARSE_LAYOUT_ALONE = 48, 96, 128  # channels


class Part(Enum):
    """Which blocks learn, by the map that they lead to."""

    BOTH = "both"
    COARSE = "coarse"  # those between the fine map and the coarse one


class ContrastNet(nn.Module):
    """The trunk and its head.

    Args:
        backbone: Weights of `TwoMapTrunk.backbone`.
        last: Weights of `LastFeatures`.
        part: Which blocks learn.
    """

    def __init__(self, backbone: Mapping[str, Tensor], last: Mapping[str, Tensor], part: Part = Part.BOTH) -> None:
        super().__init__()
        trunk: Any = TwoMapTrunk().backbone  # timm's net: its parts are found by name
        trunk.load_state_dict(backbone)
        trunk.requires_grad_(False)
        blocks = list(trunk.blocks.children())
        self.early = nn.Sequential(trunk.conv_stem, trunk.bn1, *blocks[:_FROZEN_BLOCKS])
        self.to_fine = nn.Sequential(*blocks[_FROZEN_BLOCKS:_FINE_BLOCKS])
        self.to_coarse = nn.Sequential(*blocks[_FINE_BLOCKS:])
        self.to_coarse.requires_grad_(True)
        self._fine_learns = part is Part.BOTH
        self.to_fine.requires_grad_(self._fine_learns)
        self.last = LastFeatures()
        self.last.load_state_dict(last, strict=False)  # without batch norm's counter
        self.head = _Head(of_both=self._fine_learns)
        self._trunk = [trunk]  # in a list: its weights are those above, and are not to be counted twice

    def train(self, mode: bool = True) -> ContrastNet:
        """Set the head to training or evaluation; the trunk's batch norm stays as it is."""
        super().train(mode)
        for part in (self.early, self.to_fine, self.to_coarse, self.last):
            part.eval()
        return self

    def early_map(self, pixels: Tensor) -> Tensor:
        """Return what the frozen blocks give of normalised float pixels [n, 3, side, side]."""
        with torch.no_grad():
            early: Tensor = self.early(pixels)
        return early

    def maps(self, early: Tensor) -> tuple[Tensor, Tensor]:
        """Return the fine and the coarse map, [n, channels, side, side]."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and self._fine_learns):
            fine = self.to_fine(early)
        return fine, self.to_coarse(fine)

    def backbone_state(self) -> dict[str, Tensor]:
        """Return the weights as `TwoMapTrunk.backbone` has them."""
        return dict(self._trunk[0].state_dict())


class _Head(nn.Module):
    """The maps as grids of few channels, the coarse one's average, and one linear layer of them."""

    def __init__(self, *, of_both: bool) -> None:
        super().__init__()
        coarse = _COARSE_LAYOUT if of_both else _COARSE_LAYOUT_ALONE
        self.fine = _layout(FINE_CHANNELS, _FINE_LAYOUT) if of_both else None
        self.coarse = _layout(COARSE_CHANNELS, coarse)
        channels = coarse + (_FINE_LAYOUT if of_both else 0)
        self.embedding = nn.Linear(COARSE_CHANNELS + _CELLS**2 * channels, CONTRAST_DIM)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Return [n, CONTRAST_DIM], of length 1."""
        layouts = [
            F.adaptive_avg_pool2d(reduce(each), _CELLS).flatten(1)
            for reduce, each in ((self.fine, fine), (self.coarse, coarse))
            if reduce is not None
        ]
        return F.normalize(self.embedding(torch.cat([*layouts, coarse.mean((2, 3))], dim=1)), dim=1)


def _layout(channels: int, kept: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, kept, kernel_size=1, bias=False), nn.BatchNorm2d(kept), nn.Hardswish())
