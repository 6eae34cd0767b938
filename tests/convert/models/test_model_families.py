"""All families can be built, take the described images and texts, and are described without weights.

The full architectures run on torch's `meta` device, which computes shapes only. The kinds of image
tower that open_clip takes from timm are also built small and run with real values, with `--model-config`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_identify.convert.models.libraries.library_logging import quiet_open_clip
from edge_identify.convert.models.model_families import FAMILIES, describe_model, other_models
from edge_identify.convert.models.model_loading import load_model
from edge_identify.convert.models.model_names import choose_name
from edge_identify.convert.models.model_preprocessing import read_preprocessing
from edge_identify.convert.models.text_tokenizer import read_context_length
from edge_identify.edge_runtime.errors import SetupError

_TEXT = {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_takes_images_and_texts_of_the_described_size(family: str) -> None:
    description = describe_model(family)
    import open_clip
    import torch

    name = choose_name(family)
    with quiet_open_clip(), torch.device("meta"):
        model = open_clip.create_model(name, device="meta", load_weights=False).eval()
    images = torch.empty(2, 3, description.size_px, description.size_px, device="meta")
    context_length = read_context_length(open_clip.get_model_config(name)["text_cfg"])
    tokens = torch.zeros(2, context_length, dtype=torch.int64, device="meta")
    with torch.inference_mode():
        assert model.encode_image(images).shape == (2, description.dim)
        assert model.encode_text(tokens).shape == (2, description.dim)
    preprocessing = read_preprocessing(family, open_clip.get_model_preprocess_cfg(model))
    assert preprocessing.size_px == description.size_px


@pytest.mark.parametrize(
    ("family", "dim", "size_px", "image_millions", "text_millions"),
    [
        ("ViT-B-32", 512, 224, 87.8, 63.4),
        ("RN50", 1024, 224, 38.3, 63.7),
        ("MobileCLIP2-S0", 512, 256, 11.4, 63.4),
        ("builtin", 768, 160, 5.9, 6.8),
    ],
)
def test_a_description_has_the_published_figures(
    family: str, dim: int, size_px: int, image_millions: float, text_millions: float
) -> None:
    description = describe_model(family)
    assert (description.name, description.dim, description.size_px) == (family, dim, size_px)
    assert description.image_parameters / 1e6 == pytest.approx(image_millions, abs=0.05)
    assert description.text_parameters / 1e6 == pytest.approx(text_millions, abs=0.05)


def test_every_family_has_weights_and_only_siglip_needs_a_tokenizer_file() -> None:
    descriptions = [describe_model(family) for family in FAMILIES]
    assert all(description.weights for description in descriptions)
    needing = [description.name for description in descriptions if description.needs_tokenizer_file]
    assert needing == ["ViT-B-16-SigLIP"]


def test_a_model_that_cannot_be_described_says_why() -> None:
    with pytest.raises(SetupError, match="the nearest are"):
        describe_model("ViT-B-33")
    with pytest.raises(SetupError, match="not open_clip's own"):
        describe_model("roberta-ViT-B-32")
    with pytest.raises(SetupError, match="give the name alone, ViT-B-32"):
        describe_model("ViT-B-32/openai")


def test_the_other_models_are_no_family_and_not_the_built_in_one() -> None:
    others = other_models()
    assert len(others) > 100
    assert not {*others} & {*FAMILIES, "edge-builtin"}


@pytest.mark.parametrize(
    ("trunk", "pool", "projection", "size_px"),
    [
        ("vit_tiny_patch16_224", "map", "none", 224),  # SigLIP's: attention pooling, no projection
        ("eva02_tiny_patch14_224", "token", "linear", 224),  # EVA02's: rotary positions
        ("convnext_atto", "", "linear", 64),  # convnext_base's
        ("fastvit_mci0", "avg", None, 64),  # MobileCLIP's: branches to fold
    ],
)
def test_each_kind_of_image_tower_runs_small_with_real_numbers(
    tmp_path: Path, trunk: str, pool: str, projection: str | None, size_px: int
) -> None:
    import torch

    vision = {"timm_model_name": trunk, "timm_pool": pool, "timm_proj": projection, "image_size": size_px}
    configuration: dict[str, Any] = {
        "embed_dim": 192 if projection == "none" else 24,
        "vision_cfg": vision | {"timm_model_pretrained": False},
        "text_cfg": _TEXT,
    }
    path = tmp_path / f"edge-test-{trunk}.json"
    path.write_text(json.dumps(configuration))
    loaded = load_model("builtin", "random", model_config=path)
    with torch.inference_mode():
        embeddings = loaded.model.encode_image(torch.randn(2, 3, size_px, size_px))  # type: ignore[operator]
    assert embeddings.shape == (2, loaded.dim)
    assert bool(embeddings.isfinite().all())
