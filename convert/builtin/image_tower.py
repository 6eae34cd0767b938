"""The built-in image tower, as a timm model: a ResNet-10 whose head keeps where things are.

What names an instance is often the arrangement of its parts, which average pooling throws away. So the last
map (4 x 4 at 128 pixels) is reduced to few channels and flattened, the average is put beside it, and two linear
layers make the halves of the embedding: one for the thing itself, one for what kind of thing it is (it follows a
teacher while training). Each half has length 1, so neither can drown the other. The price: the input's size is fixed.
Only this module defines a torch class, so only it imports torch at its top; it is imported by
`registration.register`.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

SIZE_PX = 128
EMBEDDING_DIM = 512
_TRUNK = "resnet10t"
_TRUNK_CHANNELS = 512
_LAYOUT_CHANNELS = 128  # 128 x 16 values of layout beside 512 of content
_MAP_CELLS = (SIZE_PX // 32) ** 2


class LayoutKeepingResNet(nn.Module):
    """timm's resnet10t with a head of layout and average.

    Args:
        num_classes: Length of the output, even; open_clip asks for its embedding's length by this name.
    """

    def __init__(self, num_classes: int = EMBEDDING_DIM) -> None:
        super().__init__()
        import timm

        self.num_classes = num_classes
        self.num_features = _TRUNK_CHANNELS
        self.backbone: nn.Module = timm.create_model(_TRUNK, num_classes=0, global_pool="")
        self.layout = nn.Sequential(
            nn.Conv2d(_TRUNK_CHANNELS, _LAYOUT_CHANNELS, kernel_size=1, bias=False),
            nn.BatchNorm2d(_LAYOUT_CHANNELS),
            nn.Hardswish(),
        )
        features = _LAYOUT_CHANNELS * _MAP_CELLS + _TRUNK_CHANNELS
        self.instance = nn.Linear(features, num_classes // 2)
        self.kind = nn.Linear(features, num_classes // 2)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return [n, num_classes], two halves of length 1, from normalised float pixels [n, 3, 128, 128]."""
        feature_map = self.backbone(pixels)
        layout = self.layout(feature_map).flatten(1)
        average = feature_map.mean((2, 3))
        features = torch.cat([layout, average], dim=1)
        halves = [F.normalize(half(features), dim=1) for half in (self.instance, self.kind)]
        return torch.cat(halves, dim=1)


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
