"""The manifest's entry of the local-feature net, with the recipe by which points are found and compared."""

from __future__ import annotations

from edge_identify.convert.export.coreml import mlpackage
from edge_identify.convert.export.onnx.graph_conventions import IMAGE_INPUT, OPSET
from edge_identify.convert.local_features.net_weights import DIM, SIDE_STEP_PX
from edge_identify.edge_runtime.pack.manifest import (
    FeatureForm,
    FeatureVariant,
    LocalFeaturesSpec,
    PointsRecipe,
    Runtime,
    Tensor,
)

ONNX_FP16, COREML_FP16 = "onnx-fp16", "coreml-fp16"

PHOTO = PointsRecipe(side_px=480, most_points=600)
LEAST_HEAT = 0.05  # with which the net was published

#: By form: how a reference image is described, and the cosine similarity that a pair of descriptors exceeds. References
#: of 198 px at 256 px and 300 points were first by count for 10 of 16 photos of packages, at 384 px and 600 points for
#: all 16. Descriptors in 4 bits are a little less similar, and need fewer points.
REFERENCE = {
    FeatureForm.THUMBNAILS: PointsRecipe(side_px=384, most_points=600),
    FeatureForm.DESCRIPTORS: PointsRecipe(side_px=384, most_points=300),
}
LEAST_SIMILARITY = {FeatureForm.THUMBNAILS: 0.82, FeatureForm.DESCRIPTORS: 0.80}


def describe_features(
    onnx_file: str, form: FeatureForm, *, descriptors_file: str | None = None, coreml: FeatureVariant | None = None
) -> LocalFeaturesSpec:
    """Return the manifest's entry of a pack's local features.

    Args:
        onnx_file: Path of the net in the pack.
        form: What the pack holds of its reference images.
        descriptors_file: Path of the descriptors in the pack, for that form.
        coreml: The net for Core ML; None if the pack has no encoder for it.
    """
    return LocalFeaturesSpec(
        form=form,
        variants={ONNX_FP16: _onnx(onnx_file), **({COREML_FP16: coreml} if coreml else {})},
        dim=DIM,
        side_step_px=SIDE_STEP_PX,
        least_heat=LEAST_HEAT,
        least_similarity=LEAST_SIMILARITY[form],
        photo=PHOTO,
        reference=REFERENCE[form],
        descriptors_file=descriptors_file,
    )


def describe_coreml(package: str, requires: str) -> FeatureVariant:
    """Return the manifest's entry of the net as a Core ML package.

    Args:
        package: Path of the package in the pack.
        requires: The least system that runs it, in words.
    """
    files = tuple(f"{package}/{path}" for path in mlpackage.FILES)
    return _variant(COREML_FP16, Runtime.COREML, package, files, mlpackage.IMAGE_INPUT, requires)


def _onnx(path: str) -> FeatureVariant:
    return _variant(ONNX_FP16, Runtime.ONNX, path, (path,), IMAGE_INPUT, f"ONNX opset {OPSET}")


def _variant(
    name: str, runtime: Runtime, model: str, files: tuple[str, ...], input_name: str, requires: str
) -> FeatureVariant:
    return FeatureVariant(
        name=name,
        runtime=runtime,
        model=model,
        files=files,
        input=Tensor(name=input_name, dtype="uint8", shape=(1, -1, -1, 3)),
        descriptors=Tensor(name="descriptors", dtype="float32", shape=(1, DIM, -1, -1)),
        heat=Tensor(name="heat", dtype="float32", shape=(1, -1, -1)),
        reliability=Tensor(name="reliability", dtype="float32", shape=(1, -1, -1)),
        requires=requires,
    )
