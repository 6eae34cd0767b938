"""The JPEG of the training views is close to a real one."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from edge_identify.convert.training.material.jpeg_compression import compress_like_jpeg
from edge_identify.edge_runtime.photos.synthetic_photo import drawn_photo


def _image() -> torch.Tensor:
    photo = Image.open(io.BytesIO(drawn_photo(size_px=(640, 480)))).convert("RGB").resize((100, 76))
    return torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("quality", [20, 50, 80])
def test_it_changes_an_image_as_pillow_does(quality: int) -> None:
    image = _image()
    file = io.BytesIO()
    pixels = (image[0].permute(1, 2, 0) * 255).round().byte().numpy()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=0)
    real = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)[None].float() / 255
    ours = compress_like_jpeg(image, torch.tensor([float(quality)]))
    assert float((ours - real).abs().mean()) < 0.01
    assert float((ours - real).abs().mean()) < 0.25 * float((real - image).abs().mean())


def test_less_quality_loses_more() -> None:
    image = _image().expand(3, -1, -1, -1)
    lost = (compress_like_jpeg(image, torch.tensor([15.0, 50.0, 95.0])) - image).abs().mean((1, 2, 3))
    assert lost[0] > lost[1] > lost[2] > 0
