"""The built-in image tower, as a timm model: a ResNet-10 that looks at two sizes and keeps where things are.

What names an instance is often the arrangement of its parts, which average pooling throws away. So the last map is
reduced to few channels and flattened, and the average is put beside it. The picture goes through the same trunk twice,
at 160 pixels and made smaller to 128: what is too small on the one may be seen on the other as it was learnt. One
linear layer makes the embedding of both. The price: the input's size is fixed.
Only this module defines a torch class, so only it imports torch at its top; it is imported by
`registration.register`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

SIZE_PX = 160
EMBEDDING_DIM = 448
_COARSE_PX = 128
_TRUNK = "resnet10t"
_TRUNK_STRIDE = 32
_TRUNK_CHANNELS = 512
_LAYOUT_CHANNELS = 128  # for each cell of the last map, beside 512 of content for all of it


class LayoutTrunk(nn.Module):
    """timm's resnet10t, and what is kept of its last map: layout and average."""

    def __init__(self) -> None:
        super().__init__()
        import timm

        self.backbone: nn.Module = timm.create_model(_TRUNK, num_classes=0, global_pool="")
        self.layout = nn.Sequential(
            nn.Conv2d(_TRUNK_CHANNELS, _LAYOUT_CHANNELS, kernel_size=1, bias=False),
            nn.BatchNorm2d(_LAYOUT_CHANNELS),
            nn.Hardswish(),
        )

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return [n, feature_count(side)] from normalised float pixels [n, 3, side, side]."""
        feature_map = self.backbone(pixels)
        return torch.cat([self.layout(feature_map).flatten(1), feature_map.mean((2, 3))], dim=1)


class LayoutKeepingResNet(LayoutTrunk):
    """The trunk at two sizes, and the embedding of both.

    Args:
        num_classes: Length of the output; open_clip asks for its embedding's length by this name.
    """

    def __init__(self, num_classes: int = EMBEDDING_DIM) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_features = feature_count(_COARSE_PX) + feature_count(SIZE_PX)
        self.embedding = nn.Linear(self.num_features, num_classes)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return [n, num_classes] from normalised float pixels [n, 3, 160, 160]."""
        embeddings: torch.Tensor = self.embedding(self.both_sizes(pixels))
        return embeddings

    def both_sizes(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the features at 128 and at 160 pixels, side by side: [n, num_features]."""
        coarse = F.interpolate(pixels, size=(_COARSE_PX, _COARSE_PX), mode="bilinear", align_corners=False)
        return torch.cat([self.features(coarse), self.features(pixels)], dim=1)


def feature_count(side_px: int) -> int:
    """Return how many features the trunk gives of pictures of that side, in pixels."""
    cells = math.ceil(side_px / _TRUNK_STRIDE) ** 2
    return _LAYOUT_CHANNELS * cells + _TRUNK_CHANNELS


def edge_resnet10t(pretrained: bool = False, num_classes: int = EMBEDDING_DIM, **_: Any) -> LayoutKeepingResNet:
    """Build the image tower; the name and signature are what timm's registry asks for.

    Args:
        pretrained: Must be false: the weights come through open_clip, with the text tower's.
        num_classes: Length of the embedding.
        _: What timm hands to every model, such as `global_pool` and `pretrained_cfg`; the head here is fixed.
    """
    if pretrained:
        raise ValueError("edge_resnet10t has no weights of its own; load the edge-builtin model")
    return LayoutKeepingResNet(num_classes)
