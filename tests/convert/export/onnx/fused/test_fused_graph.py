"""Fused graphs give torch's embeddings for all known options; unknown options give None."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edge_identify.convert.export.onnx.fused.fused_graph import fused_image_graph, fused_text_graph
from edge_identify.convert.export.onnx.graph_conventions import serialise_anonymously
from edge_identify.convert.export.onnx.tower_to_onnx import export_image_onnx

if TYPE_CHECKING:
    from numpy.typing import NDArray

Towers = Callable[..., tuple[Any, Any]]

SIZE_PX = 32
CONTEXT = 12

IMAGE_OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "quick_gelu": {"quick_gelu": True},
    "layer_scale": {"vision": {"ls_init_value": 0.1}},
    "no_first_norm": {"vision": {"no_ln_pre": True}},
    "one_block": {"vision": {"layers": 1}},
    "other_epsilon": {"vision": {"norm_kwargs": {"eps": 0.1}}},
    "tanh_gelu": {"vision": {"act_kwargs": {"approximate": "tanh"}}},
    "norm_after_pool": {"vision": {"final_ln_after_pool": True}},
    "fixed_positions": {"vision": {"pos_embed_type": "sin_cos_2d"}},
}
TEXT_OPTIONS: dict[str, dict[str, Any]] = {
    "clip": {},
    "quick_gelu": {"quick_gelu": True},
    "custom_text": {"custom_text": True},
    "layer_scale": {"custom_text": True, "text": {"ls_init_value": 0.1}},
    "end_id": {"text": {"pool_type": "eos"}},
    "first": {"text": {"pool_type": "first", "no_causal_mask": True}},
    "last_causal": {"text": {"pool_type": "last"}},
    "siglip": {
        "custom_text": True,
        "text": {
            "no_causal_mask": True,
            "pool_type": "last",
            "proj_bias": True,
            "norm_kwargs": {"eps": 1e-6},
            "act_kwargs": {"approximate": "tanh"},
        },
    },
    "no_projection": {"custom_text": True, "text": {"proj_type": "none"}},
    "one_block": {"text": {"layers": 1}},
}


def _answers(model: Any, batch: NDArray[Any]) -> NDArray[np.float32]:
    import onnxruntime

    session = onnxruntime.InferenceSession(serialise_anonymously(model), providers=["CPUExecutionProvider"])
    answers: NDArray[np.float32] = session.run(["embedding"], {session.get_inputs()[0].name: batch})[0]
    return answers


def _assert_the_same_as_torch(model: Any, tower: Any, batch: NDArray[Any]) -> None:
    import torch

    with torch.no_grad():
        expected = tower(torch.from_numpy(batch)).numpy()
    unlike = expected @ expected.T - np.eye(len(batch))
    assert unlike.max() < 0.999, "the inputs must be told apart, or anything would pass"
    for count in (1, 2, len(batch)):  # any batch size
        np.testing.assert_allclose(_answers(model, batch[:count]), expected[:count], atol=2e-6)


@pytest.mark.parametrize("options", IMAGE_OPTIONS.values(), ids=IMAGE_OPTIONS)
def test_an_image_graph_answers_as_torch_does(
    towers_of: Towers, pixels: NDArray[np.uint8], options: dict[str, Any]
) -> None:
    tower, _ = towers_of(**options)
    model = fused_image_graph(tower, SIZE_PX)
    assert model is not None
    _assert_the_same_as_torch(model, tower, pixels)


@pytest.mark.parametrize("options", TEXT_OPTIONS.values(), ids=TEXT_OPTIONS)
def test_a_text_graph_answers_as_torch_does(
    towers_of: Towers, tokens: NDArray[np.int64], options: dict[str, Any]
) -> None:
    _, tower = towers_of(**options)
    model = fused_text_graph(tower, CONTEXT)
    assert model is not None
    _assert_the_same_as_torch(model, tower, tokens)


@pytest.mark.parametrize("name", ["clip", "custom_text", "siglip", "no_projection"])
def test_an_adapter_is_folded_into_either_graph(
    towers_of: Towers, pixels: NDArray[np.uint8], tokens: NDArray[np.int64], name: str
) -> None:
    from edge_identify.convert.export.towers import ImageTower, TextTower

    image, text = towers_of(**TEXT_OPTIONS[name])
    dim = 24 if name != "no_projection" else len(_first_text_answer(text, tokens))
    rng = np.random.default_rng(3)
    matrix, wide = (rng.standard_normal((side, side)).astype(np.float32) for side in (24, dim))
    model = text.model
    adapted_image = ImageTower(model, mean=(0.5, 0.5, 0.5), std=(0.3, 0.3, 0.3), adapter=matrix)
    adapted_text = TextTower(model, adapter=wide)
    plain = fused_image_graph(image, SIZE_PX)
    for tower, batch, graph in (
        (adapted_image, pixels, fused_image_graph(adapted_image, SIZE_PX)),
        (adapted_text, tokens, fused_text_graph(adapted_text, CONTEXT)),
    ):
        assert graph is not None
        _assert_the_same_as_torch(graph, tower, batch)
    assert plain is not None
    adapted = fused_image_graph(adapted_image, SIZE_PX)
    assert adapted is not None
    assert len(adapted.graph.node) == len(plain.graph.node), "one product, not two"


def _first_text_answer(tower: Any, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
    graph = fused_text_graph(tower, CONTEXT)
    assert graph is not None
    answer: NDArray[np.float32] = _answers(graph, tokens[:1])[0]
    return answer


@pytest.mark.parametrize(
    "vision",
    [
        {"patch_dropout": 0.5},
        {"attentional_pool": True},
        {"attentional_pool": "parallel"},
        {"pool_type": "avg"},
        {"output_tokens": True},
        {"qk_norm": True},
        {"scale_fc": True},
        {"block_type": "custom"},
        {"image_size": 36},  # the last pixels make no patch
        {"layers": [1, 1, 1, 1], "width": 8, "head_width": 64},  # a ResNet
    ],
    ids=str,
)
def test_an_image_tower_with_an_unknown_option_has_no_fused_graph(towers_of: Towers, vision: dict[str, Any]) -> None:
    tower, _ = towers_of(vision=vision)
    assert fused_image_graph(tower, vision.get("image_size", SIZE_PX)) is None


@pytest.mark.parametrize(
    "text", [{"embed_cls": True}, {"output_tokens": True}, {"qk_norm": True}, {"pool_type": "none"}], ids=str
)
def test_a_text_tower_with_an_unknown_option_has_no_fused_graph(towers_of: Towers, text: dict[str, Any]) -> None:
    _, tower = towers_of(custom_text=True, text=text)
    assert fused_text_graph(tower, CONTEXT) is None


def test_a_size_that_is_not_the_towers_own_has_no_fused_graph(towers_of: Towers) -> None:
    image, text = towers_of()
    assert fused_image_graph(image, 40) is None
    assert fused_text_graph(text, CONTEXT - 1) is None


def test_a_subclass_or_a_mask_of_its_own_has_no_fused_graph(towers_of: Towers) -> None:
    import torch

    class Bent(torch.nn.GELU):
        """A subclass with another result."""

    image, text = towers_of()
    image.visual.transformer.resblocks[1].mlp.gelu = Bent()
    text.model.attn_mask = torch.zeros(CONTEXT, CONTEXT)
    assert fused_image_graph(image, SIZE_PX) is None
    assert fused_text_graph(text, CONTEXT) is None


def test_writing_again_gives_the_same_bytes(towers_of: Towers) -> None:
    image, text = towers_of()
    first, again = (
        [
            serialise_anonymously(model)
            for model in (fused_image_graph(image, SIZE_PX), fused_text_graph(text, CONTEXT))
            if model
        ]
        for _ in range(2)
    )
    assert len(first) == 2
    assert first == again


def test_the_operators_are_the_fused_ones(towers_of: Towers) -> None:
    image, _ = towers_of()
    model = fused_image_graph(image, SIZE_PX)
    assert model is not None
    counts = Counter(node.op_type for node in model.graph.node)
    assert counts["MultiHeadAttention"] == counts["BiasGelu"] == 3
    assert counts["LayerNormalization"] == 8
    assert counts["Softmax"] == counts["Erf"] == counts["Conv"] == 0


def test_an_unknown_tower_is_left_to_torchs_exporter(
    towers_of: Towers, pixels: NDArray[np.uint8], tmp_path: Path
) -> None:
    import onnx

    tower, _ = towers_of(vision={"pool_type": "avg", "layers": 1})
    export_image_onnx(tower, size_px=SIZE_PX, out=tmp_path / "average.onnx")
    model = onnx.load(str(tmp_path / "average.onnx"))
    assert [entry.domain for entry in model.opset_import] == [""]
    _assert_the_same_as_torch(model, tower, pixels)
