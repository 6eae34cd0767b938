"""From a tower to an `.mlpackage`: half-precision weights, an ML program, one image or text at a time.

What a newcomer would get wrong:

- `torch.jit.trace`, the route of most recipes, fails with today's numpy; `torch.export` works.
- The newest target is not the best: iOS 18 would give a fused attention and lock out older phones. Attention
  in parts (two matrix products and a softmax) runs from iOS 15; int8 weights and a float16 core need iOS 16.
- Squaring in half precision overflows at 256 and the L2 norm sums squares, so the norm is kept in float32.
- The causal mask's minus infinity gives NaN where hardware multiplies it by zero; a finite mask is as good.
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

#: What F.normalize becomes. Anything else of these types is as small, so types are enough to tell.
_KEPT_IN_FLOAT32 = frozenset({"reduce_l2_norm", "maximum", "real_div"})

#: How coremltools 9.0 names an operator that it has no translation for.
_UNSUPPORTED = re.compile(r"Unsupported fx node \w+, kind (\w+)|convert function for op '(\w+)'")

_MASKED = -1e4  # exp(-10000) is 0 in float32 and float16, and float16 holds it


def export_image_tower(tower: ImageTower, *, size_px: int, out: Path) -> str:
    """Write the image tower as a Core ML package whose input is an image and whose weights are float16.

    Args:
        tower: From pixels to unit vectors.
        size_px: Width and height of the image.
        out: The package's folder, ending in `.mlpackage`; one that is there is replaced.

    Returns:
        The least system that runs it, in words: `iOS 16`.

    Raises:
        SetupError: coremltools is missing, `out` does not end in `.mlpackage`, or Core ML has no form of an operator
            of the tower.
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
        tower: From token ids to unit vectors.
        context_length: Number of token ids in a text.
        out: The package's folder, ending in `.mlpackage`; one that is there is replaced.

    Returns:
        The least system that runs it, in words: `iOS 16`.

    Raises:
        SetupError: coremltools is missing, `out` does not end in `.mlpackage`, or Core ML has no form of an operator
            of the tower.
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
            skip_model_load=True,  # on a Mac it would compile the model only to throw it away
            package_dir=str(draft),
        )
    except NotImplementedError as error:
        traceback.clear_frames(error.__traceback__)  # coremltools' temporary folder goes now, not whenever
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
