"""The local-feature net in torch, with its input and output conventions inside; `feature_graph` has the same as ONNX.

Source of the architecture: G. Potje et al., "XFeat: Accelerated Features for Lightweight Image Matching", CVPR 2024.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge_identify.convert.local_features.net_weights import CELL_PX, DIM, VARIANCE_FLOOR, read_net_weights

_SHORTEST = 1e-12  # torch's least length when it normalises


class FeatureNet(nn.Module):
    """From pixels to maps of descriptors, keypoint heat and reliability.

    Input: uint8 [1, height, width, 3], upright RGB; both sides are multiples of `SIDE_STEP_PX`.

    Output, float32: `descriptors` [1, 64, height / 8, width / 8], unit vectors; `heat` [1, height, width], the
    probability that a pixel is a keypoint; `reliability` [1, height / 8, width / 8], 0 to 1.
    """

    def __init__(self) -> None:
        """Make a net with random weights."""
        super().__init__()
        self.block1 = nn.Sequential(_Layer(1, 4), _Layer(4, 8, stride=2), _Layer(8, 8), _Layer(8, 24, stride=2))
        self.skip1 = nn.Sequential(nn.AvgPool2d(4, stride=4), nn.Conv2d(1, 24, 1))
        self.block2 = nn.Sequential(_Layer(24, 24), _Layer(24, 24))
        self.block3 = nn.Sequential(_Layer(24, 64, stride=2), _Layer(64, 64), _Layer(64, 64, kernel=1))
        self.block4 = nn.Sequential(_Layer(64, 64, stride=2), _Layer(64, 64), _Layer(64, 64))
        self.block5 = nn.Sequential(
            _Layer(64, 128, stride=2), _Layer(128, 128), _Layer(128, 128), _Layer(128, 64, kernel=1)
        )
        self.block_fusion = nn.Sequential(_Layer(64, 64), _Layer(64, 64), nn.Conv2d(64, DIM, 1))
        self.heatmap_head = nn.Sequential(_Layer(64, 64, kernel=1), _Layer(64, 64, kernel=1), nn.Conv2d(64, 1, 1))
        self.keypoint_head = nn.Sequential(
            *(_Layer(64, 64, kernel=1) for _ in range(3)),
            nn.Conv2d(64, CELL_PX**2 + 1, 1),  # one for each pixel of a cell, and one for "no keypoint here"
        )

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return descriptors, heat and reliability; see the class."""
        grey = _standardised(pixels.float().mean(dim=3).unsqueeze(1))
        fine = self.block2(self.block1(grey) + self.skip1(grey))
        eighth = self.block3(fine)
        sixteenth = self.block4(eighth)
        coarsest = self.block5(sixteenth)
        maps = self.block_fusion(eighth + _enlarged(sixteenth, 2) + _enlarged(coarsest, 4))
        reliability = torch.sigmoid(self.heatmap_head(maps)).squeeze(1)
        logits = self.keypoint_head(functional.pixel_unshuffle(grey, CELL_PX))
        of_pixels = torch.softmax(logits, dim=1)[:, : CELL_PX**2]
        heat = functional.pixel_shuffle(of_pixels, CELL_PX).squeeze(1)
        # Not `functional.normalize`: Core ML would compute the sizes of its expansion at each run.
        lengths = torch.linalg.vector_norm(maps, dim=1, keepdim=True)
        return maps / lengths.clamp_min(_SHORTEST), heat, reliability


class PlanarFeatureNet(nn.Module):
    """The net with the shipped weights, as Core ML feeds it: float [1, 3, height, width], 0 to 255."""

    def __init__(self) -> None:
        """Load the weights."""
        super().__init__()
        self.net = load_feature_net()

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return descriptors, heat and reliability; see `FeatureNet`."""
        maps: tuple[Tensor, Tensor, Tensor] = self.net(planes.permute(0, 2, 3, 1))
        return maps


class _Layer(nn.Module):
    """Convolution, normalisation without gains, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.layer = nn.Sequential(
            nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(outputs, affine=False),
            nn.ReLU(),
        )

    def forward(self, maps: Tensor) -> Tensor:
        result: Tensor = self.layer(maps)
        return result


def _standardised(grey: Tensor) -> Tensor:
    """Return an image with mean 0 and variance 1 over its pixels."""
    centred = grey - grey.mean(dim=(2, 3), keepdim=True)
    return centred / torch.sqrt((centred * centred).mean(dim=(2, 3), keepdim=True) + VARIANCE_FLOOR)


def _enlarged(maps: Tensor, factor: int) -> Tensor:
    return functional.interpolate(maps, scale_factor=factor, mode="bilinear", align_corners=False)


def load_feature_net() -> FeatureNet:
    """Return the net with the shipped weights, in float32 and inference mode."""
    net = FeatureNet()
    stored = {name: torch.from_numpy(value) for name, value in read_net_weights().items()}
    # Counters of training steps are not stored.
    counters = {name: value for name, value in net.state_dict().items() if name.endswith("num_batches_tracked")}
    net.load_state_dict({**counters, **stored}, strict=True)
    return net.eval()
