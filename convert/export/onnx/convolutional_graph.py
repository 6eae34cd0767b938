"""Graphs of plain convolutional towers, written from torch's list of operators.

torch's own exporter takes half a minute of CPU time for the built-in encoder, most of it for arithmetic with the
unknown batch size. Here the tower is traced with a fixed batch, and only operators that do not depend on the batch are
translated. Normalisations are folded into the convolutions before them, and padding is part of its convolution. A tower
with any other operator gives None, and torch's exporter is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_identify.convert.export.onnx.fused.fused_nodes import GraphWriter
from edge_identify.convert.export.onnx.graph_conventions import IMAGE_INPUT, IR_VERSION, OPSET, OUTPUT

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from onnx import ModelProto
    from torch.export import ExportedProgram
    from torch.fx import Node

    from edge_identify.convert.export.onnx.torch_comparison import Inputs

    Array = NDArray[Any]

_EXAMPLE_BATCH = 2  # with 1, torch would drop the axis of the batch from some operators


class _UnknownOperatorError(Exception):
    """The tower has an operator, or an option of one, that is not translated here."""


def convolutional_graph(tower: torch.nn.Module, inputs: Inputs) -> ModelProto | None:
    """Write an image tower: `pixels`, uint8 [batch, size, size, 3], to `embedding`, float32 [batch, dim].

    Args:
        tower: Any image tower, in inference mode.
        inputs: Images, uint8 [n, size, size, 3], n at least 2.

    Returns:
        The model; None if the tower has an operator that is not known here.
    """
    from onnx import TensorProto, helper

    program = _traced(tower, inputs)
    if program is None:
        return None
    translation = _Translation(program)
    try:
        dim = translation.translate()
    except _UnknownOperatorError:
        return None
    given = helper.make_tensor_value_info(IMAGE_INPUT, TensorProto.UINT8, ["batch", *inputs.shape[1:]])
    returned = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", dim])
    return translation.writer.model(given=given, returned=returned, opset=OPSET, ir_version=IR_VERSION)


def _traced(tower: torch.nn.Module, inputs: Inputs) -> ExportedProgram | None:
    """Return the tower's operators; None if it has no convolution, or cannot be traced."""
    import torch

    if not any(isinstance(module, torch.nn.Conv2d) for module in tower.modules()):
        return None
    with torch.no_grad():
        try:
            return torch.export.export(tower, (torch.from_numpy(inputs[:_EXAMPLE_BATCH]),), strict=False)
        except Exception:  # torch has no common base; its ONNX exporter meets the same error and explains it
            return None


class _Translation:
    """Writes the operators of a traced tower one by one.

    Attributes:
        writer: The graph.
    """

    def __init__(self, program: ExportedProgram) -> None:
        self.writer = GraphWriter()
        self._program = program
        self._constants = _constants(program)
        self._names: dict[str, str] = {}  # of the graph's values, by the names of torch's nodes
        self._padding: dict[str, Sequence[int]] = {}  # left out so far, by the names of torch's nodes

    def translate(self) -> int:
        """Write all operators; return the length of the output."""
        for node in self._program.graph.nodes:
            if node.op == "placeholder" and node.name not in self._constants:
                self._names[node.name] = IMAGE_INPUT
            if node.op == "call_function" and node.name not in self._names:
                operator = _OPERATORS.get(str(node.target))
                if operator is None:
                    raise _UnknownOperatorError(str(node.target))
                operator(self, node)
            if node.op == "output":
                (found,) = _given(node)[0]
                self._write("Identity", found, OUTPUT)
                return int(found.meta["val"].shape[1])
        raise _UnknownOperatorError("no output")

    def permute(self, node: Node) -> None:
        self._write("Transpose", _given(node)[0], node.name, perm=list(_given(node)[1]))

    def cast(self, node: Node) -> None:
        import torch
        from onnx import TensorProto

        _check(_given(node)[1] == torch.float32)
        self._write("Cast", _given(node)[0], node.name, to=TensorProto.FLOAT)

    def multiply(self, node: Node) -> None:
        self._write_two("Mul", node)

    def add(self, node: Node) -> None:
        _check(not node.kwargs)  # `alpha`
        self._write_two("Add", node)

    def divide(self, node: Node) -> None:
        self._write_two("Div", node)

    def pad(self, node: Node) -> None:
        """Leave padding to the convolutions that use it."""
        value, widths, *how = _given(node)
        _check(len(widths) == 4 and how[:1] in ([], ["constant"]) and not any(how[1:]))
        _check(all(str(user.target) == _CONVOLUTION for user in node.users))
        self._names[node.name] = self._name(value)
        left, right, top, bottom = widths
        self._padding[node.name] = (top, left, bottom, right)

    def convolve(self, node: Node) -> None:
        """Write a convolution, with the normalisation after it."""
        given, weight, bias, strides, padding, dilations, groups = _arguments(
            node, [None, None, None, (1, 1), (0, 0), (1, 1), 1]
        )
        factors, addend = self._constant(weight), None if bias is None else self._constant(bias)
        users = list(node.users)
        if len(users) == 1 and str(users[0].target) == _NORMALISATION:
            factors, addend = self._folded(users[0], factors, addend)
        name = node.name
        constants = [self.writer.constant(f"{name}.weight", factors)]
        if addend is not None:
            constants.append(self.writer.constant(f"{name}.bias", addend))
        before = self._padding.get(given.name, (0, 0, 0, 0))
        self._names[name] = self.writer.node(
            "Conv",
            [self._name(given), *constants],
            name,
            strides=list(strides),
            pads=[wide + around for wide, around in zip(before, [*padding, *padding], strict=True)],
            dilations=list(dilations),
            group=groups,
            kernel_shape=list(factors.shape[2:]),
        )

    def normalise(self, node: Node) -> None:
        """Use the value of the convolution that the normalisation was folded into."""
        before: Node = _given(node)[0]
        _check(str(before.target) == _CONVOLUTION and len(before.users) == 1)
        self._names[node.name] = self._name(before)

    def clip(self, node: Node) -> None:
        value, least, most = _arguments(node, [None, -1.0, 1.0])
        self._clip(value, node.name, least, most)

    def clip_at_six(self, node: Node) -> None:
        self._clip(_given(node)[0], node.name, 0.0, 6.0)

    def rectify(self, node: Node) -> None:
        self._write("Relu", _given(node)[0], node.name)

    def length(self, node: Node) -> None:
        value, order, axes, keep = _arguments(node, [None, 2, None, False])
        _check(order == 2 and axes is not None and bool(keep))
        places = self.writer.constant(f"{node.name}.axes", list(axes))
        self._names[node.name] = self.writer.node("ReduceL2", [self._name(value), places], node.name, keepdims=1)

    def at_least(self, node: Node) -> None:
        value, least = _given(node)
        bound = self.writer.constant(f"{node.name}.least", np.array(least, np.float32))
        # Not Clip: the quantiser takes that for an activation function.
        self._names[node.name] = self.writer.node("Max", [self._name(value), bound], node.name)

    def same(self, node: Node) -> None:
        """Use the same value: the operator that follows broadcasts."""
        _check(all(str(user.target) == _DIVISION for user in node.users))
        self._names[node.name] = self._name(_given(node)[0])

    def average(self, node: Node) -> None:
        value, window, strides, padding, ceiling, _, divisor = _arguments(
            node, [None, None, (), (0, 0), False, True, None]
        )
        _check(not any(padding) and not ceiling and divisor is None)
        self._write("AveragePool", value, node.name, kernel_shape=list(window), strides=list(strides or window))

    def flatten(self, node: Node) -> None:
        value, first, last = _arguments(node, [None, 0, -1])
        _check(first == 1 and last in (-1, value.meta["val"].dim() - 1))
        self._write("Flatten", value, node.name, axis=1)

    def linear(self, node: Node) -> None:
        value, weight, bias = _arguments(node, [None, None, None])
        _check(value.meta["val"].dim() == 2)
        constants = [self.writer.constant(f"{node.name}.weight", self._constant(weight))]
        if bias is not None:
            constants.append(self.writer.constant(f"{node.name}.bias", self._constant(bias)))
        self._names[node.name] = self.writer.node("Gemm", [self._name(value), *constants], node.name, transB=1)

    def product(self, node: Node) -> None:
        value, weight = _given(node)
        self._names[node.name] = self.writer.multiply(self._name(value), self._constant(weight), node.name)

    def join(self, node: Node) -> None:
        values, axis = _arguments(node, [None, 0])
        self._names[node.name] = self.writer.node("Concat", [self._name(each) for each in values], node.name, axis=axis)

    def nothing(self, node: Node) -> None:
        """Leave out a check of torch's."""

    def _folded(self, node: Node, weight: Array, bias: Array | None) -> tuple[Array, Array]:
        """Return the weight and bias of a convolution and the normalisation after it, computed in float64."""
        _, gamma, beta, mean, variance, training, _, epsilon, *_ = _given(node)
        _check(not training)
        middle, spread = (self._constant(each).astype(np.float64) for each in (mean, variance))
        factor: Array = (1.0 if gamma is None else self._constant(gamma)) / np.sqrt(spread + float(epsilon))
        shift = 0.0 if beta is None else self._constant(beta)
        addend = ((0.0 if bias is None else bias) - middle) * factor + shift
        return (weight * factor.reshape(-1, 1, 1, 1)).astype(np.float32), addend.astype(np.float32)

    def _clip(self, value: Any, name: str, least: float, most: float) -> None:
        bounds = [
            self.writer.constant(f"{name}.{word}", np.array(bound, np.float32))
            for word, bound in (("least", least), ("most", most))
        ]
        self._names[name] = self.writer.node("Clip", [self._name(value), *bounds], name)

    def _write(self, operator: str, value: Any, name: str, **attributes: Any) -> None:
        self._names[name] = self.writer.node(operator, [self._name(value)], name, **attributes)

    def _write_two(self, operator: str, node: Node) -> None:
        names = [self._name_or_number(each, node.name) for each in _given(node)]
        self._names[node.name] = self.writer.node(operator, names, node.name)

    def _name_or_number(self, value: Any, name: str) -> str:
        if isinstance(value, int | float):
            return self.writer.constant(f"{name}.number", np.array(value, np.float32))
        return self._name(value)

    def _name(self, value: Any) -> str:
        """Return the name of a value in the graph; a constant becomes part of the graph."""
        name = str(getattr(value, "name", ""))
        _check(name)
        if name in self._constants:
            return self.writer.constant(name, self._constants[name])
        return self._names[name]

    def _constant(self, value: Any) -> Array:
        _check(getattr(value, "name", None) in self._constants)
        return self._constants[value.name]


def _constants(program: ExportedProgram) -> Mapping[str, Array]:
    """Return the tower's parameters and other constants, by the names of torch's nodes."""
    signature = program.graph_signature
    known = {**program.state_dict, **program.constants}
    named = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    return {str(node): known[target].detach().numpy() for node, target in named.items()}


def _arguments(node: Node, defaults: Sequence[Any]) -> list[Any]:
    """Return an operator's positional arguments, filled up with defaults."""
    _check(not node.kwargs and len(_given(node)) <= len(defaults))
    return [*_given(node), *defaults[len(_given(node)) :]]


def _given(node: Node) -> Any:
    """Return an operator's positional arguments: torch types each as all that an argument may be."""
    return node.args


def _check(is_known: object) -> None:
    if not is_known:
        raise _UnknownOperatorError


_CONVOLUTION = "aten.conv2d.default"
_NORMALISATION = "aten.batch_norm.default"
_DIVISION = "aten.div.Tensor"

_OPERATORS: Mapping[str, Callable[[_Translation, Node], None]] = {
    "aten.permute.default": _Translation.permute,
    "aten._assert_tensor_metadata.default": _Translation.nothing,
    "aten.to.dtype": _Translation.cast,
    "aten.mul.Tensor": _Translation.multiply,
    "aten.add.Tensor": _Translation.add,
    _DIVISION: _Translation.divide,
    "aten.pad.default": _Translation.pad,
    _CONVOLUTION: _Translation.convolve,
    _NORMALISATION: _Translation.normalise,
    "aten.hardtanh.default": _Translation.clip,
    "aten.hardtanh_.default": _Translation.clip,
    "aten.relu6.default": _Translation.clip_at_six,
    "aten.relu.default": _Translation.rectify,
    "aten.relu_.default": _Translation.rectify,
    "aten.linalg_vector_norm.default": _Translation.length,
    "aten.clamp_min.default": _Translation.at_least,
    "aten.expand_as.default": _Translation.same,
    "aten.avg_pool2d.default": _Translation.average,
    "aten.flatten.using_ints": _Translation.flatten,
    "aten.linear.default": _Translation.linear,
    "aten.matmul.default": _Translation.product,
    "aten.cat.default": _Translation.join,
}
