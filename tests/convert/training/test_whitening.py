"""After whitening, the halves' outputs are centred and spread evenly, and the function is still linear in the layer."""

from __future__ import annotations

import pytest
import torch

from edge_identify.convert.models.torchvision_operators import ensure_torchvision_operators
from edge_identify.convert.training.whitening import whiten_halves


@pytest.fixture
def outputs() -> dict[str, torch.Tensor]:
    """Outputs of the instance half before and after, of pictures of two kinds that were whitened on."""
    ensure_torchvision_operators()
    from edge_identify.convert.builtin.image_tower import LayoutKeepingResNet

    torch.manual_seed(0)
    model = LayoutKeepingResNet(num_classes=16).eval()
    coarse = torch.rand(96, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    pictures = torch.nn.functional.interpolate(coarse, size=(128, 128), mode="nearest")
    seen: list[torch.Tensor] = []
    model.instance.register_forward_hook(lambda _layer, _inputs, output: seen.append(output))

    def run(views: torch.Tensor) -> None:
        with torch.no_grad():
            model(views)

    run(pictures)
    whiten_halves(model, [pictures[:48], pictures[48:]], run=run, shrinkage=1e-4)
    seen[1:] = []
    run(pictures)
    return {"before": seen[0], "after": seen[1]}


def test_outputs_are_centred(outputs: dict[str, torch.Tensor]) -> None:
    before, after = (outputs[key].mean(0).norm() / outputs[key].norm(dim=1).mean() for key in ("before", "after"))
    assert float(before) > 0.3
    assert float(after) < 1e-3


def test_every_direction_has_the_same_spread(outputs: dict[str, torch.Tensor]) -> None:
    before, after = (torch.linalg.eigvalsh(torch.cov(outputs[key].T)) for key in ("before", "after"))
    assert float(before[-1] / before[0]) > 4
    assert float(after[-1] / after[0]) < 1.5
