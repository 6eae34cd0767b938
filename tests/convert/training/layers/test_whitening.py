"""After whitening, a layer's outputs are centred and spread evenly, and it is still one linear layer."""

from __future__ import annotations

import pytest
import torch

from edge_identify.convert.training.layers.whitening import whiten


@pytest.fixture
def outputs() -> dict[str, torch.Tensor]:
    """Outputs before and after, of features of two kinds that were whitened on."""
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(0)
    layer = torch.nn.Linear(30, 8)
    features = torch.randn(400, 30, generator=generator) * torch.logspace(-1, 1, 30) + 3
    before = layer(features).detach()
    whiten(layer, [features[:200], features[200:]], shrinkage=1e-4)
    return {"before": before, "after": layer(features).detach()}


def test_outputs_are_centred(outputs: dict[str, torch.Tensor]) -> None:
    before, after = (outputs[key].mean(0).norm() / outputs[key].norm(dim=1).mean() for key in ("before", "after"))
    assert float(before) > 0.3
    assert float(after) < 1e-3


def test_every_direction_has_the_same_spread(outputs: dict[str, torch.Tensor]) -> None:
    before, after = (torch.linalg.eigvalsh(torch.cov(outputs[key].T)) for key in ("before", "after"))
    assert float(before[-1] / before[0]) > 4
    assert float(after[-1] / after[0]) < 1.5
