"""Runs a saved `.mlpackage` on any system: reads the program from its files and computes it in torch.

Core ML itself runs on macOS only. The interpreter reads the saved bytes (program, weights, scales of int8 weights). So
it detects a wrong operator, a lost weight or a bad scale, which a test of the torch module before conversion cannot.

It computes in float32 from the stored weights. So it does not show the float16 rounding of activations, the rounding of
a phone's accelerator, or speed. The module imports torch at its top; import it only inside the function that needs it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge_identify.convert.export.coreml.mlpackage import WEIGHTS, read_specification
from edge_identify.convert.export.coreml.operators import OPERATORS
from edge_identify.edge_runtime.errors import SetupError


@dataclass(frozen=True, slots=True)
class _Value:
    """The name of an input or of an earlier step's output."""

    name: str


_Argument = Tensor | str | _Value | list["_Argument"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One operator with its arguments: constants as values, the rest by name."""

    operator: str
    name: str
    arguments: Mapping[str, _Argument]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreMLProgram:
    """A saved ML program, ready to run.

    Attributes:
        inputs: Names of its inputs.
        outputs: Names of its outputs.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    _steps: tuple[_Step, ...]

    @classmethod
    def load(cls, package: Path) -> Self:
        """Read a program and its weights from a package.

        Raises:
            SetupError: It is not a package, or it has an operator, or an operator's input, that is not known here.
        """
        function = _read_function(package)
        constants: dict[str, _Argument] = {}
        steps: list[_Step] = []
        for operation in function.operations:
            if operation.op_type == "const" or operation.op_type.startswith("constexpr_"):
                constants[operation.outputs[0].name] = _constant(operation)
            else:
                steps.append(_step(operation, constants))
        return cls(
            inputs=tuple(variable.name for variable in function.inputs.values()),
            outputs=tuple(variable.name for variable in function.outputs),
            _steps=tuple(steps),
        )

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run the program once.

        Args:
            inputs: An array for each of `inputs`; an image is float32 [1, 3, size, size], RGB, 0 to 255.

        Returns:
            An array for each of `outputs`.

        Raises:
            SetupError: An operator is used in a way that `operators` does not support.
        """
        values = {name: torch.from_numpy(np.ascontiguousarray(inputs[name])) for name in self.inputs}
        with torch.inference_mode():
            for step in self._steps:
                values.update(_run_step(step, values))
        return {name: values[name].numpy() for name in self.outputs}


def _read_function(package: Path) -> Any:
    """Read the package's main function as objects of coremltools, with weights."""
    specification = read_specification(package)
    from coremltools.converters.mil.frontend.milproto.load import load

    program = load(
        specification,
        specification_version=specification.specificationVersion,
        file_weights_dir=str((package / WEIGHTS).parent),
    )
    return program.functions["main"]


def _constant(operation: Any) -> Tensor | str:
    if operation.op_type == "const":
        value = operation.outputs[0].val
        return value if isinstance(value, str) else _tensor(value)
    return _tensor(operation.materialized_val_inference())  # unpacks weights that are stored as int8


def _tensor(value: Any) -> Tensor:
    tensor = torch.from_numpy(np.array(value))  # a copy: the value may be a view of the weight file
    return tensor.to(torch.float32) if tensor.dtype == torch.float16 else tensor


def _step(operation: Any, constants: Mapping[str, _Argument]) -> _Step:
    given = {key: value for key, value in operation.inputs.items() if value is not None}
    _check_known(operation, given)
    return _Step(
        operator=operation.op_type,
        name=operation.name,
        arguments={key: _argument(value, constants) for key, value in given.items()},
        outputs=tuple(variable.name for variable in operation.outputs),
    )


def _check_known(operation: Any, given: Mapping[str, Any]) -> None:
    function = OPERATORS.get(operation.op_type)
    if function is None:
        raise SetupError(
            f"the Core ML program has an operator {operation.op_type!r} ({operation.name}) that cannot be "
            "evaluated here; add it to the tables in convert/export/coreml/operators.py"
        )
    unknown = sorted(given.keys() - inspect.signature(function).parameters.keys())
    if unknown:
        raise SetupError(
            f"the Core ML operator {operation.op_type!r} ({operation.name}) has an input {unknown[0]!r} that "
            "is not understood here; add it to the tables in convert/export/coreml/operators.py"
        )


def _argument(variable: Any, constants: Mapping[str, _Argument]) -> _Argument:
    if isinstance(variable, (list, tuple)):
        return [_argument(part, constants) for part in variable]
    return constants.get(variable.name, _Value(variable.name))


def _run_step(step: _Step, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    arguments = {key: _resolve(argument, values) for key, argument in step.arguments.items()}
    try:
        result = OPERATORS[step.operator](**arguments)
    except NotImplementedError as error:
        raise SetupError(
            f"the Core ML operator {step.operator!r} ({step.name}) cannot be evaluated here: {error}; "
            "add it to the tables in convert/export/coreml/operators.py"
        ) from error
    results: Sequence[Tensor] = [result] if isinstance(result, Tensor) else result
    return dict(zip(step.outputs, results, strict=True))


def _resolve(argument: _Argument, values: Mapping[str, Tensor]) -> Tensor | str | list[Any]:
    if isinstance(argument, _Value):
        return values[argument.name]
    if isinstance(argument, list):
        return [_resolve(part, values) for part in argument]
    return argument
