"""What to say when a runtime lacks an operator of a tower: which one, and in which layer it stands.

A newcomer would pass on what the exporter says. It is a page of advice for the exporter's own developers, and the
layer is not in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_MOST_LAYERS = 3  # a repeated block would name a hundred


def unsupported_operator(program: ExportedProgram, operator: str, runtime: str) -> SetupError:
    """Return the error to raise where a runtime lacks an operator.

    Args:
        program: The tower as it was traced.
        operator: As the exporter calls it, such as `prims.bessel_j0`.
        runtime: `ONNX` or `Core ML`.
    """
    layers = _layers(program, operator)
    shown = ", ".join(layers[:_MOST_LAYERS]) + (", ..." if len(layers) > _MOST_LAYERS else "")
    advice = "choose --variants without coreml" if runtime == "Core ML" else "choose another model"
    place = f"in the layer {shown or '(unnamed)'} of the model"
    return SetupError(f"the operator {operator} {place} cannot be written for {runtime}; {advice}")


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or the name of its kind if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _own_name(operator: str) -> str:
    """Return `bessel_j0` of `prims.bessel_j0`, `aten.special_bessel_j0.default` and `special_bessel_j0`."""
    parts = operator.split(".")  # a namespace and, of a node, an overload: `aten.div.Tensor_mode`
    name = parts[1] if len(parts) > 1 else parts[0]
    return name.strip("_").removeprefix("special_").removeprefix("linalg_")


def _layers(program: ExportedProgram, operator: str) -> list[str]:
    """Return the paths of the modules that use an operator, in the order of the program."""
    own = _own_name(operator)
    nodes = [node for node in program.graph.nodes if node.op == "call_function" and _own_name(str(node.target)) == own]
    paths = [path for node in nodes for path, _ in list(node.meta.get("nn_module_stack", {}).values())[-1:]]
    return list(dict.fromkeys(path for path in paths if path))
