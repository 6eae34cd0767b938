"""Error message for an operator that a runtime lacks: names the operator and the layer that uses it.

The exporters' own messages are long, are written for exporter developers, and do not name the layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_MOST_LAYERS = 3  # layers named in a message; a repeated block would give a hundred


def unsupported_operator(program: ExportedProgram, operator: str, runtime: str) -> SetupError:
    """Return the error to raise if a runtime lacks an operator.

    Args:
        program: The traced tower.
        operator: The exporter's name of the operator, such as `prims.bessel_j0`.
        runtime: `ONNX` or `Core ML`.
    """
    layers = _layers(program, operator)
    shown = ", ".join(layers[:_MOST_LAYERS]) + (", ..." if len(layers) > _MOST_LAYERS else "")
    advice = "choose --variants without coreml" if runtime == "Core ML" else "choose another model"
    place = f"in the layer {shown or '(unnamed)'} of the model"
    return SetupError(f"the operator {operator} {place} cannot be written for {runtime}; {advice}")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or the name of its class if the message is empty."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _own_name(operator: str) -> str:
    """Return the bare name: `bessel_j0` for `prims.bessel_j0`, `aten.special_bessel_j0.default` and the like."""
    parts = operator.split(".")  # a namespace and, of a node, an overload: `aten.div.Tensor_mode`
    name = parts[1] if len(parts) > 1 else parts[0]
    return name.strip("_").removeprefix("special_").removeprefix("linalg_")


def _layers(program: ExportedProgram, operator: str) -> list[str]:
    """Return the paths of the modules that use an operator, in program order, without repeats."""
    own = _own_name(operator)
    nodes = [node for node in program.graph.nodes if node.op == "call_function" and _own_name(str(node.target)) == own]
    paths = [path for node in nodes for path, _ in list(node.meta.get("nn_module_stack", {}).values())[-1:]]
    return list(dict.fromkeys(path for path in paths if path))
