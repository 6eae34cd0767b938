"""Exports a tower as an `.mlpackage`: an ML program with float16 weights, for one image or one text at a time.

Traps:

- `torch.jit.trace` fails with current numpy; `torch.export` works.
- The target iOS 18 has a fused attention, but excludes older phones. Attention as two matrix products and a softmax
  runs from iOS 15. int8 weights and float16 computation need iOS 16.
- Squares overflow float16 from 256 on, and the L2 norm sums squares. So the norm stays in float32.
- Minus infinity in a causal mask gives NaN on hardware that multiplies it by zero. So the mask is finite.
"""

from __future__ import annotations

import math
import re
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_identify.convert.export.coreml.coremltools_library import conversion, load_coremltools
from edge_identify.convert.export.coreml.mlpackage import (
    IMAGE_INPUT,
    OUTPUT,
    REQUIRES,
    SUFFIX,
    TOKENS_INPUT,
    check_name,
    write_package,
)
from edge_identify.convert.export.unsupported_operators import first_line, unsupported_operator
from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram
    from torch.nn import Module

    from edge_identify.convert.export.towers import ImageTower, TextTower

#: The operators of F.normalize. All other operators of these types are small, so the type suffices.
_KEPT_IN_FLOAT32 = frozenset({"reduce_l2_norm", "maximum", "real_div"})

#: The part of coremltools 9.0's message that names an operator without a translation.
_UNSUPPORTED = re.compile(r"Unsupported fx node \w+, kind (\w+)|convert function for op '(\w+)'")

_MASKED = -1e4  # exp(-10000) is 0 in float32 and float16, and -10000 fits into float16


def export_image_tower(tower: ImageTower, *, size_px: int, out: Path) -> str:
    """Write the image tower as a Core ML package whose input is an image and whose weights are float16.

    Args:
        tower: The image tower.
        size_px: Width and height of the image.
        out: The package's folder, ending in `.mlpackage`; an existing one is replaced.

    Returns:
        The least system that runs it, in words: `iOS 16`.

    Raises:
        SetupError: coremltools is missing, `out` does not end in `.mlpackage`, or Core ML lacks an operator of the
            tower.
    """
    import torch

    from edge_identify.convert.export.towers import PlanarImageTower

    shape = (1, 3, size_px, size_px)
    coremltools = load_coremltools()
    image = coremltools.ImageType(name=IMAGE_INPUT, shape=shape, color_layout=coremltools.colorlayout.RGB)
    return _export(PlanarImageTower(tower), example=torch.full(shape, 127.0), declared_input=image, out=out)


def export_text_tower(tower: TextTower, *, context_length: int, out: Path) -> str:
    """Write the text tower as a Core ML package whose input is int32 token ids and whose weights are float16.

    Args:
        tower: The text tower.
        context_length: Number of token ids in a text.
        out: The package's folder, ending in `.mlpackage`; an existing one is replaced.

    Returns:
        The least system that runs it, in words: `iOS 16`.

    Raises:
        SetupError: coremltools is missing, `out` does not end in `.mlpackage`, or Core ML lacks an operator of the
            tower.
    """
    import torch

    shape = (1, context_length)
    tokens = load_coremltools().TensorType(name=TOKENS_INPUT, shape=shape, dtype=np.int32)
    return _export(tower, example=torch.zeros(shape, dtype=torch.int32), declared_input=tokens, out=out)


def _export(module: Module, *, example: torch.Tensor, declared_input: Any, out: Path) -> str:
    check_name(out)
    with tempfile.TemporaryDirectory(prefix="coreml-") as folder, conversion():
        program = _exported_program(module, example)
        write_package(_converted(program, declared_input, Path(folder) / f"draft{SUFFIX}"), out)
    return REQUIRES


def _converted(program: ExportedProgram, declared_input: Any, draft: Path) -> Any:
    coremltools = load_coremltools()
    try:
        return coremltools.convert(
            program,
            convert_to="mlprogram",
            inputs=[declared_input],
            outputs=[coremltools.TensorType(name=OUTPUT, dtype=np.float32)],
            minimum_deployment_target=coremltools.target.iOS16,
            compute_precision=coremltools.transform.FP16ComputePrecision(op_selector=_may_be_float16),
            skip_model_load=True,  # on a Mac, coremltools would compile the model, which is not needed
            package_dir=str(draft),
        )
    except NotImplementedError as error:
        traceback.clear_frames(error.__traceback__)  # so that coremltools' temporary folder is removed now
        if found := _UNSUPPORTED.search(str(error)):
            raise unsupported_operator(program, found[1] or found[2], "Core ML") from error
        raise SetupError(f"the tower cannot be written for Core ML ({first_line(error)})") from error


def _exported_program(module: Module, example: torch.Tensor) -> ExportedProgram:
    import torch

    with torch.no_grad():
        program = torch.export.export(module.eval(), (example,), strict=False)
        core: ExportedProgram = program.run_decompositions({})
    for name, constant in core.constants.items():
        if isinstance(constant, torch.Tensor) and constant.is_floating_point():
            core.constants[name] = constant.masked_fill(constant == -math.inf, _MASKED)
    return core


def _may_be_float16(operator: Any) -> bool:
    return operator.op_type not in _KEPT_IN_FLOAT32
