"""Folding an image tower's branches changes its modules and not its embeddings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_identify.convert.models.embedding_space import compute_space_id
from edge_identify.convert.models.model_loading import LoadedModel, import_open_clip, load_model
from edge_identify.convert.models.weights.reparameterisation import reparameterise
from edge_identify.edge_runtime.errors import SetupError

SIZE_PX = 64
BRANCHED = {  # MobileCLIP2-S0's image tower on small images
    "embed_dim": 16,
    "custom_text": True,
    "vision_cfg": {
        "timm_model_name": "fastvit_mci0",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": None,
        "image_size": SIZE_PX,
    },
    "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("branched") / "edge-test-branched.json"
    path.write_text(json.dumps(BRANCHED))
    return path


@pytest.fixture(scope="module")
def folded(configuration: Path) -> LoadedModel:
    return load_model("builtin", "random", model_config=configuration)


def _drawn(name: str) -> Any:
    """Return open_clip's model with random weights and no idle layer: scales, statistics and biases are drawn, too."""
    import_open_clip()
    import open_clip
    import torch

    generator = torch.Generator().manual_seed(1)
    model = open_clip.create_model(name).eval().requires_grad_(False)
    for key, tensor in model.visual.state_dict().items():
        if "running_mean" in key or key.endswith("bias"):
            tensor.normal_(0.0, 0.2, generator=generator)
        elif tensor.is_floating_point() and (tensor.ndim == 1 or "gamma" in key):  # variances, gains, layer scales
            tensor.uniform_(0.5, 1.5, generator=generator)
    return model


def _embed(model: Any) -> Any:
    import torch
    from torch.nn import functional as F

    images = torch.randn(3, 3, SIZE_PX, SIZE_PX, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        return F.normalize(model.visual(images), dim=-1)


def test_folding_is_exact_where_every_layer_matters(folded: LoadedModel) -> None:
    model = _drawn(folded.name)
    before, size_before = _embed(model), len(model.visual.state_dict())
    after = _embed(reparameterise(folded.name, model, SIZE_PX))
    assert float((before - after).abs().max()) < 1e-5
    assert float((before[0] - before[1]).abs().max()) > 1e-3, "the images must not all look alike to it"
    assert len(model.visual.state_dict()) < size_before / 2


def test_a_loaded_model_is_folded_and_keeps_the_space_of_the_published_weights(
    folded: LoadedModel, configuration: Path, tmp_path: Path
) -> None:
    from safetensors.torch import save_file

    published = _drawn(folded.name)
    save_file(published.state_dict(), tmp_path / "published.safetensors")
    loaded = load_model("builtin", str(tmp_path / "published.safetensors"), model_config=configuration)
    assert loaded.space_id == compute_space_id(published, loaded.preprocessing, loaded.mean, loaded.std)
    assert loaded.space_id != compute_space_id(loaded.model, loaded.preprocessing, loaded.mean, loaded.std)
    assert len(loaded.model.state_dict()) < len(published.state_dict())


def test_a_fold_that_changes_the_answers_is_refused(folded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    import timm.utils.model

    right = timm.utils.model.reparameterize_model

    def wrong(trunk: Any, inplace: bool) -> Any:
        trunk = right(trunk, inplace=inplace).requires_grad_(False)
        next(parameter for parameter in trunk.parameters() if parameter.ndim == 4).mul_(1.5)
        return trunk

    monkeypatch.setattr(timm.utils.model, "reparameterize_model", wrong)
    with pytest.raises(SetupError, match=r"folding its branches changes its embeddings by \d"):
        reparameterise(folded.name, _drawn(folded.name), SIZE_PX)


def test_weights_that_are_not_numbers_are_refused(folded: LoadedModel) -> None:
    import torch

    model = _drawn(folded.name)
    next(model.visual.parameters()).fill_(torch.nan)
    with pytest.raises(SetupError, match="by nan"):
        reparameterise(folded.name, model, SIZE_PX)


def test_a_model_without_branches_is_left_alone(tiny_vit: str) -> None:
    model = load_model(tiny_vit, "random").model
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert reparameterise(tiny_vit, model, 32) is model
    assert all((value == before[key]).all() for key, value in model.state_dict().items())
