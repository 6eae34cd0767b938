"""Principal components keep the cosines of what they project, and count each collection alike."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from edge_identify.convert.training.layers.principal_components import give_components


def test_as_many_components_as_there_are_dimensions_keep_every_cosine() -> None:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(60, 3, generator=generator) @ torch.randn(3, 12, generator=generator)
    layer = torch.nn.Linear(12, 3, bias=False)
    give_components(layer, [features[:30], features[30:]])
    unit, projected = F.normalize(features, dim=1), F.normalize(layer(features).detach(), dim=1)
    assert torch.allclose(projected @ projected.T, unit @ unit.T, atol=1e-4)


def test_a_small_collection_counts_as_much_as_a_large_one() -> None:
    generator = torch.Generator().manual_seed(1)
    large, small = torch.zeros(500, 6), torch.zeros(20, 6)
    large[:, 0], small[:, 1] = (torch.randn(count, generator=generator) for count in (500, 20))
    layer = torch.nn.Linear(6, 1, bias=False)
    give_components(layer, [large, small * 2])
    assert abs(layer.weight[0, 1].item()) > 0.9  # the direction in which the small one spreads, twice as far
