"""The built-in image tower, as a timm model: EfficientNet-Lite0, and what its maps of stride 16 and 32 show where.

What names an instance is often the arrangement of its parts, which average pooling throws away. So both maps are kept
as grids of cells. The finer one tells mosaics apart, the coarser one packages and kinds of things. Each gives a part of
the embedding by one linear layer; the parts have about the same length, so neither drowns the other. The price: the
input's size is fixed.
Only this module defines a torch class, so only it imports torch at its top; it is imported by
`registration.register`.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

SIZE_PX = 160
FINE_DIM, COARSE_DIM = 448, 320
EMBEDDING_DIM = FINE_DIM + COARSE_DIM

FINE_CHANNELS, COARSE_CHANNELS = 112, 320
COARSE_STRIDE = 32  # of a pixel's neighbourhood on the coarse map; half of it on the fine one
_TRUNK = "tf_efficientnet_lite0"
_MAPS = (3, 4)  # timm's numbers of the maps of stride 16 and 32
_COARSE_CELLS = 4  # along a side
_COARSE_LENGTH = 1.15  # of the coarse part, beside 1 of the fine one


class TwoMapTrunk(nn.Module):
    """timm's EfficientNet-Lite0 up to its last block, and the cells of its two last maps."""

    def __init__(self) -> None:
        super().__init__()
        import timm

        self.backbone: nn.Module = timm.create_model(_TRUNK, features_only=True, out_indices=_MAPS)

    def maps(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the maps of stride 16 and 32 from normalised float pixels [n, 3, side, side].

        Returns:
            [n, FINE_CHANNELS, side / 16, side / 16] and [n, COARSE_CHANNELS, side / 32, side / 32].
        """
        fine, coarse = self.backbone(pixels)
        return fine, coarse

    def cells(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the fine and the coarse cells, flattened, from normalised float pixels [n, 3, side, side].

        Returns:
            [n, fine_count(side)] and [n, coarse_count()].
        """
        return cells_of(*self.maps(pixels))


class TwoMapTower(TwoMapTrunk):
    """The trunk, and the embedding of its cells.

    Args:
        num_classes: Length of the output; open_clip asks for its embedding's length by this name.
    """

    def __init__(self, num_classes: int = EMBEDDING_DIM) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_features = fine_count(SIZE_PX) + coarse_count()
        self.fine = nn.Linear(fine_count(SIZE_PX), num_classes * FINE_DIM // EMBEDDING_DIM)
        self.coarse = nn.Linear(coarse_count(), num_classes - self.fine.out_features, bias=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return [n, num_classes] from normalised float pixels [n, 3, SIZE_PX, SIZE_PX]."""
        return self.embedding(*self.cells(pixels))

    def embedding(self, fine: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
        """Return [n, num_classes] from both maps' cells; see `cells`."""
        parts = F.normalize(self.fine(fine), dim=1), _COARSE_LENGTH * F.normalize(self.coarse(coarse), dim=1)
        return torch.cat(parts, dim=1)


def cells_of(fine: torch.Tensor, coarse: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the cells of both maps; see `TwoMapTrunk.cells`."""
    overlap = coarse.shape[-1] - _COARSE_CELLS + 1
    return F.avg_pool2d(fine, 2).flatten(1), F.avg_pool2d(coarse, overlap, stride=1).flatten(1)


def fine_count(side_px: int) -> int:
    """Return how many numbers the fine cells of a picture are; its side in pixels is a multiple of 32."""
    return FINE_CHANNELS * (side_px // COARSE_STRIDE) ** 2


def coarse_count() -> int:
    """Return how many numbers the coarse cells of a picture of any size are."""
    return COARSE_CHANNELS * _COARSE_CELLS**2


def edge_efficientnet_lite0(pretrained: bool = False, num_classes: int = EMBEDDING_DIM, **_: Any) -> TwoMapTower:
    """Build the image tower; the name and signature are what timm's registry asks for.

    Args:
        pretrained: Must be false: the weights come through open_clip, with the text tower's.
        num_classes: Length of the embedding.
        _: What timm hands to every model, such as `global_pool` and `pretrained_cfg`; the head here is fixed.
    """
    if pretrained:
        raise ValueError("edge_efficientnet_lite0 has no weights of its own; load the edge-builtin model")
    return TwoMapTower(num_classes)
