"""Makes a statically quantised convolutional net compute the same bits on every processor, natively and in browsers.

Two things differ between ONNX Runtime's kernels. One value that is rounded another way is enough: it changes others in
every later layer, and in the end the embeddings of two machines have a cosine of .999 instead of 1.

- Sums of 8-bit tensors (`QLinearAdd`) round ties differently on x86 and in WebAssembly. Here they are added in float:
  one product for each tensor, one sum, one quotient, as IEEE 754 defines them. `Sum` stands for `Add`, since ONNX
  Runtime fuses only the latter.
- The convolutions at the input that stay in float sum in another order on each machine. Here they compute with whole
  numbers in float32: pixels are whole numbers, weights are rounded to as many bits as fit, and all sums stay below
  2**24, where float32 is exact in every order. Activations between them have `_LEVELS` steps: 10 bits.

`QLinearConv`, pooling and `QGemm` have integer sums and were found equal in every bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import GraphProto, ModelProto, NodeProto

    #: Returns the largest magnitude of each named tensor of the float net.
    Ranges = Callable[[Sequence[str]], Mapping[str, float]]

_EXACT_BELOW = 2**24  # float32 has all whole numbers up to it
_LEVELS = 1023  # of an activation; more would leave fewer bits to the weights
_MARGIN = 1.25  # beyond the largest measured magnitude, a tensor without limits is clipped
_MOST_PARTS_OF_A_PIXEL = 8  # the mean of an image is rounded to an eighth of a pixel's value
_ROUNDING = 1e-3  # of a pixel's value: a smaller error is none


class _NotAChainError(Exception):
    """The layers at the input are no chain of convolutions: they stay as they are."""


def add_in_float(model: ModelProto) -> int:
    """Let sums of 8-bit tensors be computed in float; return how many there are. `model` is changed."""
    makers = _makers(model.graph)
    sums = [node for node in model.graph.node if node.op_type == "Add" and _is_of_8_bits(node, makers)]
    for node in sums:
        node.op_type = "Sum"
    return len(sums)


def count_in_whole_numbers(model: ModelProto, ranges: Ranges) -> int:
    """Let the float convolutions at the input compute with whole numbers.

    Args:
        model: The quantised net; it is changed. A net whose input is another than pixels, a factor, an offset, and a
            chain of convolutions with Clip or Relu up to the first 8-bit layer, stays as it is.
        ranges: Measures tensors that have no limits.

    Returns:
        How many convolutions were changed.
    """
    graph = model.graph
    try:
        chain = _chain(graph)
    except _NotAChainError:
        return 0
    if not chain.layers:
        return 0
    unlimited = [layer.output for layer in chain.layers[:-1] if layer.most is None]
    _rewrite(graph, chain, ranges(unlimited) if unlimited else {})
    return len(chain.layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """A convolution and the Clip or Relu behind it.

    Attributes:
        convolution: Its node.
        limit: The node of Clip or Relu; None if there is none.
        output: The tensor behind both.
        most: The upper limit; None if there is none.
        is_rectified: Whether its lower limit is 0.
    """

    convolution: NodeProto
    limit: NodeProto | None
    output: str
    most: float | None
    is_rectified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chain:
    """The layers at the input, and the two nodes that normalise pixels before them."""

    factor: NodeProto
    offset: NodeProto
    layers: Sequence[_Layer]


@dataclass(slots=True)
class _Writer:
    """Collects the new nodes and constants of a graph."""

    graph: GraphProto
    replaced: dict[str, list[NodeProto]] = field(default_factory=dict)

    def constant(self, name: str, values: object) -> str:
        from onnx import numpy_helper

        self.graph.initializer.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def finish(self) -> None:
        nodes = [new for node in self.graph.node for new in self.replaced.get(node.name, [node])]
        used = {name for node in nodes for name in node.input}
        kept = [entry for entry in self.graph.initializer if entry.name in used]
        del self.graph.node[:], self.graph.initializer[:]
        self.graph.node.extend(nodes)
        self.graph.initializer.extend(kept)


def _chain(graph: GraphProto) -> _Chain:
    constants, users = _constants(graph), _users(graph)
    factor = next((node for node in graph.node if node.op_type == "Mul" and node.input[1] in constants), None)
    offset = None if factor is None else _only_user(factor.output[0], users)
    if factor is None or offset is None or offset.op_type != "Add" or offset.input[1] not in constants:
        raise _NotAChainError
    return _Chain(factor=factor, offset=offset, layers=tuple(_layers(offset.output[0], constants, users)))


def _layers(
    tensor: str, constants: Mapping[str, NDArray[np.generic]], users: Mapping[str, list[NodeProto]]
) -> Iterator[_Layer]:
    """Yield the float convolutions from a tensor on, up to the first quantised one."""
    while True:
        node = _only_user(tensor, users)
        if node is not None and node.op_type == "QuantizeLinear":
            return
        if node is None or node.op_type != "Conv" or len(node.input) < 3 or node.input[1] not in constants:
            raise _NotAChainError
        behind = _only_user(node.output[0], users)
        limit = behind if behind is not None and behind.op_type in ("Clip", "Relu") else None
        most = None
        if limit is not None and limit.op_type == "Clip":
            least, most = (float(constants[name].item()) for name in limit.input[1:3])
            if least != 0:
                raise _NotAChainError
        tensor = node.output[0] if limit is None else limit.output[0]
        yield _Layer(convolution=node, limit=limit, output=tensor, most=most, is_rectified=limit is not None)


def _rewrite(graph: GraphProto, chain: _Chain, measured: Mapping[str, float]) -> None:
    constants = _constants(graph)
    writer = _Writer(graph)
    step, most = _whole_pixels(chain, constants, writer)
    for layer in chain.layers[:-1]:
        limit = layer.most if layer.most is not None else _MARGIN * measured[layer.output]
        step = _whole_layer(layer, constants, writer, step=step, most=most, next_step=limit / _LEVELS)
        most = _LEVELS
    _last_layer(chain.layers[-1], constants, writer, step=step, most=most)
    writer.finish()


def _whole_pixels(
    chain: _Chain, constants: Mapping[str, NDArray[np.generic]], writer: _Writer
) -> tuple[NDArray[np.float64], int]:
    """Let normalised pixels be whole numbers around 0; return their step by channel and largest magnitude."""
    factor = constants[chain.factor.input[1]].astype(np.float64).ravel()
    means = -constants[chain.offset.input[1]].astype(np.float64).ravel() / factor
    parts = next((one for one in (1, 2, 4) if np.abs(one * means - np.round(one * means)).max() < _ROUNDING), None)
    parts = parts or _MOST_PARTS_OF_A_PIXEL
    whole_means = np.round(parts * means)
    shape = (1, -1, 1, 1)
    chain.factor.input[1] = writer.constant(f"{chain.factor.name}.parts", np.full((1, 1, 1, 1), parts))
    chain.offset.input[1] = writer.constant(f"{chain.offset.name}.means", -whole_means.reshape(shape))
    return factor / parts, int(np.abs([whole_means, 255 * parts - whole_means]).max())


def _whole_weights(
    node: NodeProto,
    constants: Mapping[str, NDArray[np.generic]],
    writer: _Writer,
    *,
    step: NDArray[np.float64],
    most: int,
) -> NDArray[np.float64]:
    """Give a convolution whole weights and biases; return what one stands for, float64 [1, out, 1, 1].

    Args:
        node: The convolution.
        constants: Those of the graph.
        writer: Takes the new ones.
        step: What one stands for in its input, one number or one for each channel.
        most: Largest magnitude of its input.
    """
    weights = constants[node.input[1]].astype(np.float64)
    weights *= step.reshape(1, -1, *[1] * (weights.ndim - 2))
    bias = constants[node.input[2]].astype(np.float64)
    rows = np.abs(weights.reshape(len(weights), -1))
    # Rounding may add a half to each weight, and to the bias.
    room = _EXACT_BELOW - 1 - most * rows.shape[1] / 2 - 1
    scale = np.maximum((most * rows.sum(axis=1) + np.abs(bias)) / room, np.finfo(np.float32).tiny)
    shape = (-1, *[1] * (weights.ndim - 1))
    node.input[1] = writer.constant(f"{node.name}.whole", np.round(weights / scale.reshape(shape)))
    node.input[2] = writer.constant(f"{node.name}.whole_bias", np.round(bias / scale))
    by_channel: NDArray[np.float64] = scale.reshape(1, -1, 1, 1)
    return by_channel


def _whole_layer(
    layer: _Layer,
    constants: Mapping[str, NDArray[np.generic]],
    writer: _Writer,
    *,
    step: NDArray[np.float64],
    most: int,
    next_step: float,
) -> NDArray[np.float64]:
    """Let a layer's output be whole numbers up to `_LEVELS`; return what one stands for."""
    from onnx import helper

    node = layer.convolution
    scale = _whole_weights(node, constants, writer, step=step, most=most)
    sums, parts, rounded = (f"{layer.output}.{name}" for name in ("sums", "parts", "rounded"))
    node.output[0] = sums
    # A quotient: ONNX Runtime would fold a product into the weights, which would then be no whole numbers.
    divisor = writer.constant(f"{layer.output}.divisor", next_step / scale)
    least = writer.constant(f"{layer.output}.least", np.float32(0 if layer.is_rectified else -_LEVELS))
    highest = writer.constant(f"{layer.output}.most", np.float32(_LEVELS))
    writer.replaced[node.name] = [
        node,
        helper.make_node("Div", [sums, divisor], [parts], name=f"{layer.output}.div"),
        helper.make_node("Round", [parts], [rounded], name=f"{layer.output}.round"),
        helper.make_node("Clip", [rounded, least, highest], [layer.output], name=f"{layer.output}.clip"),
    ]
    if layer.limit is not None:
        writer.replaced[layer.limit.name] = []
    return np.array([next_step])


def _last_layer(
    layer: _Layer,
    constants: Mapping[str, NDArray[np.generic]],
    writer: _Writer,
    *,
    step: NDArray[np.float64],
    most: int,
) -> None:
    """Let the layer before the first 8-bit one return what it returned: its limit and its quantisation follow."""
    from onnx import helper

    node = layer.convolution
    scale = _whole_weights(node, constants, writer, step=step, most=most)
    output, sums = node.output[0], f"{layer.output}.sums"
    node.output[0] = sums
    divisor = writer.constant(f"{layer.output}.divisor", 1 / scale)
    writer.replaced[node.name] = [node, helper.make_node("Div", [sums, divisor], [output], name=f"{layer.output}.div")]


def _is_of_8_bits(node: NodeProto, makers: Mapping[str, NodeProto]) -> bool:
    return all(name in makers and makers[name].op_type == "DequantizeLinear" for name in node.input)


def _makers(graph: GraphProto) -> dict[str, NodeProto]:
    return {output: node for node in graph.node for output in node.output}


def _users(graph: GraphProto) -> dict[str, list[NodeProto]]:
    users: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    return users


def _only_user(tensor: str, users: Mapping[str, list[NodeProto]]) -> NodeProto | None:
    found = users.get(tensor, [])
    return found[0] if len(found) == 1 else None


def _constants(graph: GraphProto) -> dict[str, NDArray[np.generic]]:
    from onnx import numpy_helper

    return {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
