"""The local-feature net as a Core ML package: weights in float16, for each size that the recipes give.

Core ML chooses faster code for listed sizes than for a range, so the sizes are listed: the longer side as a recipe has
it, the shorter one any multiple of `SIDE_STEP_PX`.

Trap: squares of pixels overflow float16 from 256 on, so standardising and normalising stay in float32.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_identify.convert.export.coreml.coremltools_library import conversion, load_coremltools
from edge_identify.convert.export.coreml.mlpackage import IMAGE_INPUT, REQUIRES, SUFFIX, check_name, write_package
from edge_identify.convert.export.coreml.package_embedding import evaluate_package
from edge_identify.convert.local_features.feature_graph import OUTPUTS
from edge_identify.convert.local_features.net_weights import SIDE_STEP_PX
from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch.export import ExportedProgram

    Maps = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]

LEAST_COSINE = 0.999  # of descriptors with those of the ONNX form, the worst of a photo
MOST_HEAT_DIFFERENCE = 0.02  # of probabilities; a keypoint exceeds .05
_KEPT_IN_FLOAT32 = frozenset({"reduce_mean", "sub", "mul", "sqrt", "real_div", "reduce_l2_norm", "maximum"})
_MOST_STEPS = 32  # a side of 1024 px, which is the largest that a pack may ask for


def write_feature_package(out: Path, sides_px: Sequence[int]) -> str:
    """Write the net as a Core ML package whose input is an image.

    Args:
        out: The package's folder, ending in `.mlpackage`; an existing one is replaced.
        sides_px: Longer sides of the recipes, multiples of `SIDE_STEP_PX`.

    Returns:
        The least system that runs it, in words: `iOS 16`.

    Raises:
        SetupError: coremltools is missing, or `out` does not end in `.mlpackage`.
    """
    check_name(out)
    coremltools = load_coremltools()
    shapes = list(_shapes(sides_px))
    sizes = coremltools.EnumeratedShapes(shapes=shapes, default=shapes[0])
    with tempfile.TemporaryDirectory(prefix="coreml-") as folder, conversion():
        model = coremltools.convert(
            _program(),
            convert_to="mlprogram",
            inputs=[coremltools.ImageType(name=IMAGE_INPUT, shape=sizes, color_layout=coremltools.colorlayout.RGB)],
            outputs=[coremltools.TensorType(name=name, dtype=np.float32) for name in OUTPUTS],
            minimum_deployment_target=coremltools.target.iOS16,
            compute_precision=coremltools.transform.FP16ComputePrecision(op_selector=_may_be_float16),
            skip_model_load=True,
            package_dir=str(Path(folder) / f"draft{SUFFIX}"),
        )
        write_package(model, out)
    return REQUIRES


def check_feature_package(package: Path, photos: Sequence[NDArray[np.uint8]], expected: Sequence[Maps]) -> None:
    """Refuse a package whose maps are not those of the ONNX form.

    Args:
        package: The package.
        photos: Photos in a size of the recipes, uint8 [height, width, 3].
        expected: Their maps by the ONNX form, as `LocalFeatureNet.maps` returns them.

    Raises:
        SetupError: They differ.
    """
    planes = [{IMAGE_INPUT: np.moveaxis(photo, 2, 0)[None].astype(np.float32)} for photo in photos]
    for found, (descriptors, wanted_heat, _) in zip(evaluate_package(package, planes), expected, strict=True):
        cosine = float((found["descriptors"][0] * descriptors).sum(axis=0).min())
        heat = float(np.abs(found["heat"][0] - wanted_heat).max())
        if cosine < LEAST_COSINE or heat > MOST_HEAT_DIFFERENCE:
            raise SetupError(
                f"the local-feature net for Core ML differs from the ONNX form: cosine of descriptors {cosine:.4f}, "
                f"needed {LEAST_COSINE}; heat differs by {heat:.3f}, allowed {MOST_HEAT_DIFFERENCE}. Leave Core ML "
                "variants out with --variants, and please report this"
            )


def _shapes(sides_px: Sequence[int]) -> Iterator[tuple[int, int, int, int]]:
    for longer in sorted(set(sides_px), reverse=True):
        for shorter in range(longer, 0, -SIDE_STEP_PX):
            yield 1, 3, longer, shorter
            if shorter != longer:
                yield 1, 3, shorter, longer


def _program() -> ExportedProgram:
    """Return the net in torch, exported for any size, with planar float pixels as its input."""
    import torch

    from edge_identify.convert.local_features.feature_net import PlanarFeatureNet

    steps = [torch.export.Dim(name, min=1, max=_MOST_STEPS) for name in ("rows", "columns")]
    sizes = {"planes": {2: SIDE_STEP_PX * steps[0], 3: SIDE_STEP_PX * steps[1]}}
    example = torch.full((1, 3, 3 * SIDE_STEP_PX, 4 * SIDE_STEP_PX), 127.0)
    with torch.no_grad():
        exported = torch.export.export(PlanarFeatureNet().eval(), (example,), dynamic_shapes=sizes, strict=False)
        core: ExportedProgram = exported.run_decompositions({})
    return core


def _may_be_float16(operator: Any) -> bool:
    return operator.op_type not in _KEPT_IN_FLOAT32
