"""The towers include mean, std, layout and normalisation, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from edge_identify.convert.export.towers import ImageTower, PlanarImageTower, TextTower
from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators

if TYPE_CHECKING:
    from torch import nn

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
VISION = {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16}
TEXT = {"context_length": 8, "vocab_size": 100, "width": 32, "heads": 2, "layers": 1}


@pytest.fixture(scope="module", params=["CLIP", "CustomTextCLIP"])
def model(request: pytest.FixtureRequest) -> nn.Module:
    ensure_torchvision_operators()
    import open_clip

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        built: nn.Module = getattr(open_clip, request.param)(embed_dim=16, vision_cfg=VISION, text_cfg=TEXT)
    return built.eval()


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (3, 32, 32, 3), generator=generator, dtype=torch.uint8)


def test_pixels_are_normalised_as_open_clip_normalises_them(model: Any, pixels: torch.Tensor) -> None:
    mean, std = torch.tensor(MEAN).reshape(3, 1, 1), torch.tensor(STD).reshape(3, 1, 1)
    with torch.inference_mode():
        expected = model.encode_image((pixels.permute(0, 3, 1, 2) / 255 - mean) / std, normalize=True)
        found = ImageTower(model, mean=MEAN, std=STD)(pixels)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_planes_and_pixels_give_the_same_embedding_in_either_type(model: Any, pixels: torch.Tensor) -> None:
    tower = ImageTower(model, mean=MEAN, std=STD)
    planes = pixels.permute(0, 3, 1, 2).to(torch.float32).contiguous()
    with torch.inference_mode():
        expected = tower(pixels)
        for found in (
            tower(pixels.to(torch.float32)),
            tower.from_planar(planes),
            PlanarImageTower(tower)(planes),
        ):
            torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_image_embeddings_are_float32_unit_vectors(model: Any, pixels: torch.Tensor) -> None:
    with torch.inference_mode():
        embeddings = ImageTower(model, mean=MEAN, std=STD)(pixels)
    assert (embeddings.dtype, embeddings.shape) == (torch.float32, (3, 16))
    torch.testing.assert_close(embeddings.norm(dim=-1), torch.ones(3))


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_text_embeddings_are_open_clip_s_as_unit_vectors(model: Any, dtype: torch.dtype) -> None:
    tokens = torch.tensor([[98, 5, 7, 99, 0, 0, 0, 0], [98, 6, 99, 0, 0, 0, 0, 0]])
    with torch.inference_mode():
        found = TextTower(model)(tokens.to(dtype))
        features = model.encode_text(tokens)
    torch.testing.assert_close(found, features / features.norm(dim=-1, keepdim=True))
    assert found.dtype == torch.float32


def test_a_tower_infers_even_if_its_model_was_training(model: Any) -> None:
    model.train()
    assert not ImageTower(model, mean=MEAN, std=STD).visual.training
    model.train()
    assert not TextTower(model).model.training
    model.eval()
