"""What JPEG does to pictures, by the batch and in torch: 8 x 8 cosine transform, rounding, and back.

A file would cost a call per picture and cannot be made on a GPU. Chroma is kept at full size; a training view does not
need more. The two tables and the scaling by quality are those of ITU-T T.81, annex K, as libjpeg applies them.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

_BLOCK = 8

_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55), (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62), (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99), (18, 21, 26, 66, 99, 99, 99, 99), (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99), *((99,) * 8,) * 4,
)  # fmt: skip
_TO_YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))  # JFIF 1.02


def compress_like_jpeg(pictures: Tensor, quality: Tensor) -> Tensor:
    """Return the pictures as they would look after JPEG.

    Args:
        pictures: float [n, 3, height, width], 0 to 1.
        quality: float [n], 1 to 100, as libjpeg understands it.

    Returns:
        The same shape.
    """
    height, width = pictures.shape[-2:]
    padded = F.pad(pictures, (0, -width % _BLOCK, 0, -height % _BLOCK), mode="replicate")
    to_ycbcr = torch.tensor(_TO_YCBCR, device=pictures.device)
    planes = torch.einsum("ij,njhw->nihw", to_ycbcr, padded * 255)
    planes[:, 0] -= 128
    n, _, rows, columns = planes.shape
    blocks = planes.view(n, 3, rows // _BLOCK, _BLOCK, columns // _BLOCK, _BLOCK).transpose(3, 4)
    cosines = _cosines(pictures.device)
    steps = _steps(quality)[:, :, None, None]
    rounded = torch.round(cosines @ blocks @ cosines.T / steps) * steps
    restored = (cosines.T @ rounded @ cosines).transpose(3, 4).reshape(n, 3, rows, columns)
    restored[:, 0] += 128
    rgb = torch.einsum("ij,njhw->nihw", torch.linalg.inv(to_ycbcr), restored)
    return (rgb[..., :height, :width] / 255).clamp(0, 1)


def _cosines(device: torch.device) -> Tensor:
    """Return the orthonormal 8 x 8 matrix of the cosine transform (DCT-II)."""
    place = torch.arange(_BLOCK, device=device, dtype=torch.float32)
    matrix = torch.cos(math.pi * (2 * place[None] + 1) * place[:, None] / (2 * _BLOCK)) * math.sqrt(2 / _BLOCK)
    matrix[0] = math.sqrt(1 / _BLOCK)
    return matrix


def _steps(quality: Tensor) -> Tensor:
    """Return the rounding steps [n, 3, 8, 8] at each quality."""
    tables = torch.tensor([_LUMINANCE, _CHROMINANCE, _CHROMINANCE], device=quality.device, dtype=torch.float32)
    scale = torch.where(quality < 50, 5000 / quality.clamp_min(1), 200 - 2 * quality)
    return ((tables[None] * scale[:, None, None, None] + 50) / 100).floor().clamp(1, 255)
