"""open_clip and timm build the built-in encoder by name, like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge_identify.convert.models.libraries.library_logging import muted
from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators

if TYPE_CHECKING:
    import torch


@pytest.fixture
def image() -> torch.Tensor:
    import torch

    return torch.zeros(2, 3, 160, 160)


def test_registering_twice_is_harmless_and_open_clip_builds_the_model(image: torch.Tensor) -> None:
    ensure_torchvision_operators()
    from edge_identify.convert.builtin import OPEN_CLIP_NAME, register

    register()
    register()
    import open_clip

    with muted("open_clip"):
        model = open_clip.create_model(OPEN_CLIP_NAME)
    assert open_clip.list_models().count(OPEN_CLIP_NAME) == 1
    assert model.encode_image(image).shape == (2, 768)
    assert model.encode_text(open_clip.get_tokenizer(OPEN_CLIP_NAME)(["a cat", "a dog"])).shape == (2, 768)


def test_the_image_tower_has_no_weights_of_its_own() -> None:
    ensure_torchvision_operators()
    from edge_identify.convert.builtin.image_tower import edge_efficientnet_lite0

    with pytest.raises(ValueError, match="edge-builtin"):
        edge_efficientnet_lite0(pretrained=True)


def test_the_cells_know_where_things_are_on_both_maps(image: torch.Tensor) -> None:
    ensure_torchvision_operators()
    import torch

    from edge_identify.convert.builtin.image_tower import TwoMapTrunk, coarse_count, fine_count

    trunk = TwoMapTrunk().eval()
    fine, coarse = torch.rand(2, 112, 10, 10), torch.rand(2, 320, 5, 5)
    trunk.backbone = _giving(fine, coarse)
    cells = trunk.cells(image)
    assert [part.shape for part in cells] == [(2, fine_count(160)), (2, coarse_count())]
    trunk.backbone = _giving(fine.flip(3), coarse.flip(3))
    for part, mirrored in zip(cells, trunk.cells(image), strict=True):
        assert not torch.allclose(part, mirrored)
        assert torch.allclose(part.sum(1), mirrored.sum(1))


def test_the_coarse_part_of_the_embedding_counts_a_little_more() -> None:
    ensure_torchvision_operators()
    import torch

    from edge_identify.convert.builtin.image_tower import FINE_DIM, edge_efficientnet_lite0

    tower = edge_efficientnet_lite0().eval()
    with torch.no_grad():
        tower.coarse.weight *= 100  # drowns nothing
        fine, coarse = tower(torch.rand(2, 3, 160, 160)).split([FINE_DIM, tower.num_classes - FINE_DIM], dim=1)
    assert torch.allclose(fine.norm(dim=1), torch.ones(2))
    assert torch.allclose(coarse.norm(dim=1), torch.full((2,), 1.15))


def _giving(fine: torch.Tensor, coarse: torch.Tensor) -> torch.nn.Module:
    import torch

    class Maps(torch.nn.Module):
        def forward(self, _pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return fine, coarse

    return Maps()
