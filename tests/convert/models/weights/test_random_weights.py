"""`--pretrained random` gives a model without idle layers and with distinct embeddings, the same each time."""

from __future__ import annotations

import numpy as np

from edge_identify.convert.models.model_loading import LoadedModel, load_model


def embed(loaded: LoadedModel) -> np.ndarray:
    import torch

    from edge_identify.convert.export.onnx.torch_comparison import proof_pixels
    from edge_identify.convert.export.towers import ImageTower

    pixels = torch.from_numpy(proof_pixels(loaded.preprocessing.size_px))
    with torch.inference_mode():
        embeddings: np.ndarray = ImageTower(loaded.model, mean=loaded.mean, std=loaded.std)(pixels).numpy()
    return embeddings


def test_images_lie_apart_and_not_in_one_point(tiny_resnet: str) -> None:
    embeddings = embed(load_model(tiny_resnet, "random"))
    cosines = embeddings @ embeddings.T

    assert np.isfinite(embeddings).all()
    assert cosines[np.triu_indices(len(cosines), 1)].mean() < 0.97  # .999 as the constructor leaves it


def test_no_norm_keeps_the_statistics_or_the_gain_of_its_constructor(tiny_resnet: str) -> None:
    from torch import nn

    model = load_model(tiny_resnet, "random").model
    norms = [module for module in model.visual.modules() if isinstance(module, nn.BatchNorm2d)]  # type: ignore[union-attr]

    assert norms
    for norm in norms:
        assert not norm.training
        assert norm.momentum == 0.1
        assert norm.running_mean is not None
        assert bool((norm.running_mean != 0).any())
        assert 0.1 <= float(norm.weight.min()) < float(norm.weight.max()) <= 1.5


def test_the_draw_is_the_same_each_time(tiny_resnet: str, tiny_vit: str) -> None:
    for name in (tiny_resnet, tiny_vit):
        assert load_model(name, "random").space_id == load_model(name, "random").space_id
