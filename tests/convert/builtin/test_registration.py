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
    assert model.encode_image(image).shape == (2, 448)
    assert model.encode_text(open_clip.get_tokenizer(OPEN_CLIP_NAME)(["a cat", "a dog"])).shape == (2, 448)


def test_the_image_tower_has_no_weights_of_its_own() -> None:
    ensure_torchvision_operators()
    from edge_identify.convert.builtin.image_tower import edge_resnet10t

    with pytest.raises(ValueError, match="edge-builtin"):
        edge_resnet10t(pretrained=True)


def test_the_head_sees_where_things_are() -> None:
    ensure_torchvision_operators()
    import torch

    from edge_identify.convert.builtin.image_tower import edge_resnet10t

    tower = edge_resnet10t(num_classes=8).eval()
    tower.backbone = torch.nn.AdaptiveAvgPool2d(4)
    features = torch.rand(1, 512, 4, 4)
    with torch.no_grad():
        assert not torch.allclose(tower.features(features), tower.features(features.flip(3)))


def test_the_image_is_seen_at_both_sizes(image: torch.Tensor) -> None:
    ensure_torchvision_operators()
    import torch

    from edge_identify.convert.builtin.image_tower import edge_resnet10t, feature_count

    tower = edge_resnet10t(num_classes=8).eval()
    with torch.no_grad():
        both = tower.both_sizes(image)
        assert both.shape == (2, feature_count(128) + feature_count(160))
        assert torch.equal(both[:, feature_count(128) :], tower.features(image))
        assert torch.equal(tower(image), tower.embedding(both))
