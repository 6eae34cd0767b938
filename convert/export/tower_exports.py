"""Connects the two towers of a model with the exporters of ONNX and Core ML."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from edge_identify.convert.export.calibration_inputs import CAPTIONS, draw_calibration_pixels
from edge_identify.convert.export.coreml.coreml_quantisation import (
    palettise_weights_to_6_bits,
    quantise_weights_to_int8,
)
from edge_identify.convert.export.coreml.package_embedding import embed_images, embed_tokens
from edge_identify.convert.export.coreml.tower_to_mlpackage import export_image_tower, export_text_tower
from edge_identify.convert.export.onnx.onnx_quantisation import quantise_image_to_int8, quantise_text_to_int8
from edge_identify.convert.export.onnx.tower_to_onnx import export_image_onnx, export_text_onnx
from edge_identify.convert.export.onnx.weight_only_storage import quantise_weights_only, store_weights_as_fp16
from edge_identify.convert.export.variants import TowerExport
from edge_identify.convert.models.model_families import is_transformer
from edge_identify.convert.models.model_loading import LoadedModel
from edge_identify.convert.progress import Progress, no_progress
from edge_identify.edge_runtime.pack.manifest import Tensor


def _copy_file(source: Path, out: Path) -> None:
    shutil.copyfile(source, out)


def _copy_package(source: Path, out: Path) -> None:
    shutil.copytree(source, out)


_ONNX_FORMS = {"fp32": _copy_file, "fp16": store_weights_as_fp16}
_WEIGHT_ONLY_FORMS = {"w8": partial(quantise_weights_only, bits=8), "w4": partial(quantise_weights_only, bits=4)}
_COREML_FORMS = {"fp16": _copy_package, "int8": quantise_weights_to_int8, "6bit": palettise_weights_to_6_bits}


def image_tower_export(model: LoadedModel, progress: Progress = no_progress) -> TowerExport:
    """Return the exporters of a model's image tower.

    Args:
        model: The model.
        progress: Shows the progress over the tries of the int8 quantisation.
    """
    from edge_identify.convert.export.towers import image_tower

    tower = image_tower(model)
    size = model.preprocessing.size_px
    transformer = is_transformer(tower.visual)

    def to_int8(source: Path, out: Path) -> None:
        quantise_image_to_int8(
            source,
            out,
            calibration_pixels=draw_calibration_pixels(model.preprocessing),
            transformer=transformer,
            progress=progress,
        )

    return TowerExport(
        kind="image",
        dim=model.dim,
        onnx_input=Tensor(name="pixels", dtype="uint8", shape=(-1, size, size, 3)),
        coreml_input=Tensor(name="image", dtype="image", shape=(1, size, size, 3)),
        write_onnx=lambda out: export_image_onnx(tower, size_px=size, out=out),
        onnx_forms={**_ONNX_FORMS, **(_WEIGHT_ONLY_FORMS if transformer else {}), "int8": to_int8},
        write_coreml=lambda out: export_image_tower(tower, size_px=size, out=out),
        coreml_forms=_COREML_FORMS,
        embed_coreml=embed_images,
    )


def text_tower_export(model: LoadedModel) -> TowerExport:
    """Return the exporters of a model's text tower.

    Args:
        model: The model.
    """
    from edge_identify.convert.export.towers import text_tower

    tower = text_tower(model)
    context = model.context_length

    def to_int8(source: Path, out: Path) -> None:
        assert model.tokenizer is not None, "a text tower is exported only with its tokenizer"
        quantise_text_to_int8(source, out, calibration_tokens=model.tokenizer.encode(list(CAPTIONS)))

    return TowerExport(
        kind="text",
        dim=model.dim,
        onnx_input=Tensor(name="tokens", dtype="int64", shape=(-1, context)),
        coreml_input=Tensor(name="tokens", dtype="int32", shape=(1, context)),
        write_onnx=lambda out: export_text_onnx(tower, context_length=context, out=out),
        onnx_forms={**_ONNX_FORMS, **_WEIGHT_ONLY_FORMS, "int8": to_int8},
        write_coreml=lambda out: export_text_tower(tower, context_length=context, out=out),
        coreml_forms=_COREML_FORMS,
        embed_coreml=embed_tokens,
    )
