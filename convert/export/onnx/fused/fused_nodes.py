"""Writes transformer blocks as fused ONNX nodes whose weights a quantiser finds.

ONNX Runtime (1.31) does not find the attention in torch's graph, so it cannot fuse it. Only one token is read from the
last block. So the last block computes query, projection and perceptron for that token only; the other tokens contribute
keys and values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_identify.convert.export.onnx.fused.fused_layers import Activation, Block, Linear, Norm

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto

    from edge_identify.convert.export.onnx.fused.fused_layers import Array

MICROSOFT = "com.microsoft"  # operators that ONNX Runtime adds to ONNX's own
MICROSOFT_VERSION = 1
QUICK_GELU_ALPHA = 1.702  # open_clip's QuickGELU: x * sigmoid(1.702 x)

#: Picks the pooled token: takes the name of a value [batch, tokens, width], returns the name of one [batch, 1, width].
Pick = Callable[[str], str]


class GraphWriter:
    """Collects the nodes and constants of a graph, in the order in which they are written."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def constant(self, name: str, values: NDArray[Any] | Sequence[int] | int) -> str:
        """Add a constant (int64 for integers) unless the name exists; return the name."""
        from onnx import numpy_helper

        kept = values if isinstance(values, np.ndarray) else np.array(values, dtype=np.int64)
        # order="C" rather than ascontiguousarray, which turns a scalar into shape [1].
        self._constants.setdefault(name, numpy_helper.from_array(np.array(kept, order="C"), name))
        return name

    def node(self, operator: str, inputs: Sequence[str], *outputs: str, domain: str = "", **attributes: Any) -> str:
        """Write a node, named after its first output; return the name of its last output."""
        from onnx import helper

        self._nodes.append(
            helper.make_node(operator, inputs, outputs, name=f"{outputs[0]}/{operator}", domain=domain, **attributes)
        )
        return outputs[-1]

    def add(self, value: str, addend: Array, output: str) -> str:
        """Write the sum of a value and a constant; return the name of the result."""
        return self.node("Add", [value, self.constant(f"{output}.addend", addend)], output)

    def multiply(self, value: str, weight: Array, output: str) -> str:
        """Write the product of a value with a weight [inputs, outputs], without a bias; return the result's name."""
        return self.node("MatMul", [value, self.constant(f"{output}.weight", weight)], output)

    def normalise(self, value: str, norm: Norm, output: str) -> str:
        """Write a layer normalisation; return the name of the result."""
        inputs = [value, *self._norm(norm, output)]
        return self.node("LayerNormalization", inputs, output, axis=-1, epsilon=norm.epsilon)

    def add_and_normalise(self, change: str, residual: str, bias: Array, norm: Norm, output: str) -> tuple[str, str]:
        """Write `sum = change + bias + residual` and its normalisation; return the names of both, sum first.

        SkipLayerNormalization would do both, but its CPU kernel (1.31) is slow: with it, a ViT-B-32 in int8 took 27 ms
        instead of 23 ms for an image, and 21 ms instead of 17 ms for a text.
        """
        total = self.node("Add", [self.add(change, bias, f"{output}.change"), residual], f"{output}.sum")
        return total, self.normalise(total, norm, output)

    def _norm(self, norm: Norm, output: str) -> tuple[str, str]:
        return self.constant(f"{output}.weight", norm.weight), self.constant(f"{output}.bias", norm.bias)

    def model(self, *, given: Any, returned: Any, opset: int, ir_version: int) -> ModelProto:
        """Return the written graph as a model with one input and one output."""
        from onnx import helper

        graph = helper.make_graph(self._nodes, "tower", [given], [returned], list(self._constants.values()))
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, MICROSOFT_VERSION)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


def write_blocks(
    writer: GraphWriter, embedded: str, blocks: Sequence[Block], last_norm: Norm, *, pick: Pick, masks: tuple[str, str]
) -> str:
    """Write a transformer and the normalisation after it.

    Args:
        writer: The graph.
        embedded: Name of the input, [batch, tokens, width].
        blocks: The blocks, at least one.
        last_norm: Normalisation after the last block.
        pick: Picks the pooled token.
        masks: Names of the additive attention masks: of all tokens, and of the pooled token in the last block. Empty
            for no mask.

    Returns:
        Name of the pooled token after normalisation, [batch, 1, width].
    """
    residual, normed = embedded, writer.normalise(embedded, blocks[0].attention_norm, "block0.attention_norm")
    for place, block in enumerate(blocks):
        name, is_last = f"block{place}", place + 1 == len(blocks)
        if is_last:
            attended = _attend_once(writer, block, pick(normed), normed, masks[1], name)
            residual = pick(residual)
        else:
            attended = _attend(writer, block, normed, masks[0], name)
        following = last_norm if is_last else blocks[place + 1].attention_norm
        after = "last_norm" if is_last else f"block{place + 1}.attention_norm"
        residual, normed = _write_rest(writer, block, attended, residual, following, name, after)
    return normed


def _attend(writer: GraphWriter, block: Block, normed: str, mask: str, name: str) -> str:
    together = writer.multiply(normed, block.query_key_value.weight, f"{name}.query_key_value")
    parts = [f"{name}.{part}" for part in ("query", "key", "value")]
    width = block.query_key_value.weight.shape[0]
    writer.node("Split", [together, writer.constant("three_widths", [width] * 3)], *parts, axis=-1)
    return _attention(writer, block, parts, mask, name)


def _attend_once(writer: GraphWriter, block: Block, wanted: str, normed: str, mask: str, name: str) -> str:
    weight = block.query_key_value.weight
    width = weight.shape[0]
    query = writer.multiply(wanted, weight[:, :width], f"{name}.query")
    together = writer.multiply(normed, weight[:, width:], f"{name}.key_value")
    parts = [f"{name}.key", f"{name}.value"]
    writer.node("Split", [together, writer.constant("two_widths", [width] * 2)], *parts, axis=-1)
    return _attention(writer, block, [query, *parts], mask, name)


def _attention(writer: GraphWriter, block: Block, parts: list[str], mask: str, name: str) -> str:
    bias = writer.constant(f"{name}.query_key_value.bias", block.query_key_value.bias)
    inputs = [*parts, bias, *(["", mask] if mask else [])]
    return writer.node("MultiHeadAttention", inputs, f"{name}.attended", domain=MICROSOFT, num_heads=block.heads)


def _write_rest(
    writer: GraphWriter, block: Block, attended: str, residual: str, following: Norm, name: str, after: str
) -> tuple[str, str]:
    change = writer.multiply(attended, block.attention_out.weight, f"{name}.attention_out")
    residual, normed = writer.add_and_normalise(
        change, residual, block.attention_out.bias, block.perceptron_norm, f"{name}.perceptron_norm"
    )
    widened = writer.multiply(normed, block.widen.weight, f"{name}.widen")
    active = _activate(writer, widened, block.widen, block.activation, f"{name}.active")
    change = writer.multiply(active, block.narrow.weight, f"{name}.narrow")
    return writer.add_and_normalise(change, residual, block.narrow.bias, following, after)


def _activate(writer: GraphWriter, value: str, layer: Linear, activation: Activation, output: str) -> str:
    if activation is Activation.QUICK_GELU:
        shifted = writer.add(value, layer.bias, f"{output}.shifted")
        return writer.node("QuickGelu", [shifted], output, domain=MICROSOFT, alpha=QUICK_GELU_ALPHA)
    operator = "BiasGelu" if activation is Activation.GELU else "FastGelu"  # FastGelu is the tanh approximation
    return writer.node(operator, [value, writer.constant(f"{output}.bias", layer.bias)], output, domain=MICROSOFT)
