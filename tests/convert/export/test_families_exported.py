"""The towers of each family, cut to a few layers, give the same embeddings in torch, ONNX and Core ML.

The architectures are open_clip's and timm's own, with their blocks repeated less often and a small vocabulary. Weights
are drawn without idle layers, and branches are folded, as in `load_model`. The built-in image tower is whole, with the
weights that are shipped.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edge_identify.convert.builtin import OPEN_CLIP_NAME, load_image_weights
from edge_identify.convert.export.coreml.package_embedding import embed_images, embed_tokens
from edge_identify.convert.export.coreml.tower_to_mlpackage import export_image_tower, export_text_tower
from edge_identify.convert.export.onnx.torch_comparison import proof_pixels, proof_tokens
from edge_identify.convert.export.onnx.tower_to_onnx import export_image_onnx, export_text_onnx
from edge_identify.convert.models.libraries.library_logging import quiet_open_clip
from edge_identify.convert.models.model_families import FAMILIES
from edge_identify.convert.models.model_loading import import_open_clip
from edge_identify.convert.models.model_names import BUILTIN
from edge_identify.convert.models.weights.random_weights import enliven
from edge_identify.convert.models.weights.reparameterisation import reparameterise

if TYPE_CHECKING:
    from numpy.typing import NDArray

MEAN, STD = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)
SMALL_TEXT = {"vocab_size": 300, "width": 64, "heads": 2, "layers": 1, "context_length": 12}
SMALL_VIT = {"width": 128, "layers": 2}

#: Sides smaller than published, for nets that take any.
SIZES_PX = {"RN50": 64, "MobileCLIP-S1": 64, "MobileCLIP-S2": 64, "MobileCLIP2-S0": 64, "convnext_base": 64}

#: Image towers of the same layers as another family's; an export takes ten seconds. `benchmarks/families.py` has all.
SAME_LAYERS = {
    "MobileCLIP-S1": "MobileCLIP2-S0",
    "MobileCLIP-S2": "MobileCLIP2-S0",
    "ViT-B-32": "ViT-L-14",
    "ViT-B-16": "ViT-L-14",
}

#: One for each kind of text tower; the others differ from the first in width and depth alone.
TEXTS = ("ViT-B-32", "MobileCLIP-S1", "ViT-B-16-SigLIP", "EVA02-B-16")


def small_model(family: str) -> tuple[Any, int]:
    """Build a family's model, cut it, and draw its weights; return it with the side of its images."""
    import_open_clip()
    import open_clip
    import torch

    configuration = open_clip.get_model_config(OPEN_CLIP_NAME if family == BUILTIN else family)
    vision, text = configuration["vision_cfg"], configuration["text_cfg"] | SMALL_TEXT
    size_px = SIZES_PX.get(family, vision.get("image_size", 224))
    if family == "RN50":
        vision |= {"image_size": size_px, "layers": [1, 1, 1, 1]}
    elif "timm_model_name" not in vision:
        vision |= SMALL_VIT
    kind = open_clip.CustomTextCLIP if configuration.pop("custom_text", False) else open_clip.CLIP
    with quiet_open_clip(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = kind(**configuration | {"vision_cfg": vision, "text_cfg": text})
    if family == BUILTIN:  # it takes the maps of two of its blocks, so it needs them all; and its weights are here
        load_image_weights(model)
    else:
        cut(model.visual)
        enliven(model, size_px=size_px, seed=0)
    return reparameterise(family, model.requires_grad_(False), size_px), size_px


def cut(visual: Any) -> None:
    """Keep one block of each repeated kind."""
    for module in visual.modules():
        blocks = getattr(module, "blocks", None)
        if blocks is not None and len(blocks) > 1:
            module.blocks = blocks[:1]


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in SAME_LAYERS])
def test_a_familys_image_tower_answers_alike_in_every_runtime(family: str, tmp_path: Path) -> None:
    from edge_identify.convert.export.towers import ImageTower

    model, size_px = small_model(family)
    tower, pixels = ImageTower(model, mean=MEAN, std=STD), proof_pixels(size_px)[::-1]
    expected = expected_of(tower, pixels)
    export_image_onnx(tower, size_px=size_px, out=tmp_path / "image.onnx")
    assert_alike(run_onnx(tmp_path / "image.onnx", pixels), expected, least=0.99999)
    export_image_tower(tower, size_px=size_px, out=tmp_path / "image.mlpackage")
    assert_alike(embed_images(tmp_path / "image.mlpackage", pixels), expected, least=0.9999)


@pytest.mark.parametrize(("family", "other"), SAME_LAYERS.items())
def test_a_family_that_is_left_out_has_the_layers_of_the_other(family: str, other: str) -> None:
    import_open_clip()
    import open_clip

    def kind(name: str) -> tuple[object, ...]:
        vision = open_clip.get_model_config(name)["vision_cfg"]
        sizes = {"layers", "width", "head_width", "patch_size", "image_size", "timm_model_name"}
        layers = str(vision.get("timm_model_name", "")).rstrip("0123456789")  # fastvit_mci0, _mci1, _mci2
        return layers, *sorted((key, str(value)) for key, value in vision.items() if key not in sizes)

    assert kind(family) == kind(other)


@pytest.mark.parametrize("family", TEXTS)
def test_a_familys_text_tower_answers_alike_in_every_runtime(family: str, tmp_path: Path) -> None:
    from edge_identify.convert.export.towers import TextTower

    model, _ = small_model(family)
    tower, context = TextTower(model), SMALL_TEXT["context_length"]
    tokens = proof_tokens(tower, context)[::-1]
    expected = expected_of(tower, tokens)
    export_text_onnx(tower, context_length=context, out=tmp_path / "text.onnx")
    export_text_tower(tower, context_length=context, out=tmp_path / "text.mlpackage")
    assert_alike(run_onnx(tmp_path / "text.onnx", tokens), expected, least=0.99999)
    assert_alike(embed_tokens(tmp_path / "text.mlpackage", tokens), expected, least=0.9999)


def test_every_kind_of_text_tower_is_among_those_above() -> None:
    import_open_clip()
    import open_clip

    assert {kind_of_text(open_clip.get_model_config(name)) for name in FAMILIES if name != BUILTIN} == {
        kind_of_text(open_clip.get_model_config(name)) for name in TEXTS
    }


def kind_of_text(configuration: dict[str, Any]) -> tuple[object, ...]:
    sizes = {*SMALL_TEXT, "hf_tokenizer_name", "tokenizer_kwargs"}
    text = {key: str(value) for key, value in configuration["text_cfg"].items() if key not in sizes}
    return configuration.get("custom_text", False), *sorted(text.items())


def run_onnx(file: Path, inputs: NDArray[Any]) -> NDArray[np.float32]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    embeddings: NDArray[np.float32] = session.run(["embedding"], {session.get_inputs()[0].name: inputs})[0]
    return embeddings


def expected_of(tower: Any, inputs: NDArray[Any]) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        answers: NDArray[np.float32] = tower(torch.from_numpy(inputs.copy())).numpy()
    return answers


def assert_alike(found: NDArray[np.float32], expected: NDArray[np.float32], *, least: float) -> None:
    """Compare unit vectors, plain and centred: constant embeddings have a high plain cosine, too."""
    centre = expected.mean(axis=0)
    assert (found * expected).sum(axis=1).min() >= least
    differences = np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected - centre, axis=1)
    assert differences.max() < 0.05
