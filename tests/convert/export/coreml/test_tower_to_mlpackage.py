"""The Core ML export: faithful, the same bytes each time, no messages, and the interface for iOS 16."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_identify.convert.export.coreml.interpreter import CoreMLProgram
from edge_identify.convert.export.coreml.mlpackage import FILES, read_specification
from edge_identify.convert.export.coreml.package_embedding import embed_images, embed_tokens
from edge_identify.convert.export.coreml.tower_to_mlpackage import export_image_tower, export_text_tower
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.pack.pack_names import checked_path


def test_the_image_package_gives_the_embeddings_of_the_torch_tower(exported: Any, centred: Any) -> None:
    embeddings = embed_images(exported.image_package, exported.pixels)
    assert np.sum(embeddings * exported.image_embeddings, axis=1).min() > 0.9999
    assert centred(embeddings, exported.image_embeddings).min() > 0.999


def test_the_text_package_gives_the_embeddings_of_the_torch_tower(exported: Any, centred: Any) -> None:
    embeddings = embed_tokens(exported.text_package, exported.tokens)
    assert np.sum(embeddings * exported.text_embeddings, axis=1).min() > 0.9999
    assert centred(embeddings, exported.text_embeddings).min() > 0.999


def test_the_same_tower_gives_the_same_bytes(exported_vit: Any, tmp_path: Path) -> None:
    CoreMLProgram.load(exported_vit.image_package)  # reading a program moves coremltools' counters
    export_image_tower(exported_vit.image_tower, size_px=exported_vit.size_px, out=tmp_path / "again.mlpackage")
    export_text_tower(exported_vit.text_tower, context_length=12, out=tmp_path / "text.mlpackage")
    for path in FILES:
        assert (tmp_path / "again.mlpackage" / path).read_bytes() == (exported_vit.image_package / path).read_bytes()
        assert (tmp_path / "text.mlpackage" / path).read_bytes() == (exported_vit.text_package / path).read_bytes()


def test_a_package_has_three_files_that_a_pack_may_hold(exported_vit: Any) -> None:
    package = exported_vit.image_package
    found = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    assert found == set(FILES)
    assert all(checked_path(path) == path for path in found)


def test_the_image_input_is_one_rgb_image_and_the_output_float32(exported: Any) -> None:
    description = read_specification(exported.image_package).description
    (image,), (embedding,) = description.input, description.output
    assert image.name == "image"
    assert (image.type.imageType.width, image.type.imageType.height) == (exported.size_px,) * 2
    assert image.type.imageType.colorSpace == image.type.imageType.ColorSpace.Value("RGB")
    assert embedding.name == "embedding"
    assert list(embedding.type.multiArrayType.shape) == [1, 32]
    assert embedding.type.multiArrayType.dataType == embedding.type.multiArrayType.ArrayDataType.Value("FLOAT32")


def test_the_text_input_is_int32_token_ids(exported_vit: Any) -> None:
    (tokens,) = read_specification(exported_vit.text_package).description.input
    assert tokens.name == "tokens"
    assert list(tokens.type.multiArrayType.shape) == [1, 12]
    assert tokens.type.multiArrayType.dataType == tokens.type.multiArrayType.ArrayDataType.Value("INT32")


def test_ios_16_opens_every_package(exported: Any) -> None:
    ios_16 = 7  # the specification version that came with it
    assert read_specification(exported.image_package).specificationVersion == ios_16
    assert read_specification(exported.text_package).specificationVersion == ios_16


def test_the_least_system_is_told_in_words(exported: Any) -> None:
    assert exported.least_systems == ("iOS 16", "iOS 16")


def test_no_day_is_left_in_a_package(exported_vit: Any) -> None:
    metadata = read_specification(exported_vit.image_package).description.metadata
    assert sorted(key.rpartition(".")[2] for key in metadata.userDefined) == [
        "source",
        "source_dialect",
        "version",
    ]


def test_the_norm_is_taken_in_float32_where_squares_cannot_overflow(exported: Any) -> None:
    (norm,) = [one for one in _operations(exported.image_package) if one.op_type == "reduce_l2_norm"]
    assert norm.x.dtype.__name__ == "fp32"


def test_matrix_products_are_in_float16(exported_vit: Any) -> None:
    products = [one for one in _operations(exported_vit.image_package) if one.op_type in ("linear", "matmul")]
    assert products
    assert {one.outputs[0].dtype.__name__ for one in products} == {"fp16"}


def test_no_constant_is_infinite(exported_vit: Any) -> None:
    constants = [one.outputs[0].val for one in _operations(exported_vit.text_package) if one.op_type == "const"]
    arrays = [value for value in constants if isinstance(value, np.ndarray) and value.dtype.kind == "f"]
    assert any((array == -1e4).any() for array in arrays), "the causal mask is gone"
    assert all(np.isfinite(array).all() for array in arrays)


def test_an_export_replaces_what_is_there_and_is_quiet(
    exported_vit: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "text.mlpackage"
    (out / "left").mkdir(parents=True)
    export_text_tower(exported_vit.text_tower, context_length=12, out=out)
    assert [path.name for path in tmp_path.iterdir()] == ["text.mlpackage"]
    assert not (out / "left").exists()
    assert capfd.readouterr() == ("", "")
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG] == []


def test_a_name_that_core_ml_would_not_know_is_refused_first(exported_vit: Any, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"image\.onnx.*\.mlpackage"):
        export_image_tower(exported_vit.image_tower, size_px=32, out=tmp_path / "image.onnx")


def _operations(package: Path) -> list[Any]:
    from coremltools.converters.mil.frontend.milproto.load import load

    specification = read_specification(package)
    weights = package / "Data/com.apple.CoreML/weights"
    program = load(specification, specification.specificationVersion, str(weights))
    return list(program.functions["main"].operations)
