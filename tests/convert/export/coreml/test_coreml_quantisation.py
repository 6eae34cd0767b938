"""int8 weights: half the size, nearly the same embeddings, the same bytes each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_identify.convert.export.coreml.coreml_quantisation import (
    palettise_weights_to_6_bits,
    quantise_weights_to_int8,
)
from edge_identify.convert.export.coreml.interpreter import CoreMLProgram
from edge_identify.convert.export.coreml.mlpackage import FILES, WEIGHTS
from edge_identify.convert.export.coreml.package_embedding import embed_images, embed_tokens
from edge_identify.edge_runtime.errors import SetupError


def test_an_int8_image_package_stays_close_to_the_torch_tower(exported: Any, centred: Any, tmp_path: Path) -> None:
    quantise_weights_to_int8(exported.image_package, tmp_path / "small.mlpackage")
    embeddings = embed_images(tmp_path / "small.mlpackage", exported.pixels)
    assert np.sum(embeddings * exported.image_embeddings, axis=1).min() > 0.999
    assert centred(embeddings, exported.image_embeddings).min() > 0.98


def test_an_int8_text_package_stays_close_to_the_torch_tower(exported: Any, centred: Any, tmp_path: Path) -> None:
    quantise_weights_to_int8(exported.text_package, tmp_path / "small.mlpackage")
    embeddings = embed_tokens(tmp_path / "small.mlpackage", exported.tokens)
    assert np.sum(embeddings * exported.text_embeddings, axis=1).min() > 0.999
    assert centred(embeddings, exported.text_embeddings).min() > 0.98


def test_weights_take_about_half_the_room(exported: Any, tmp_path: Path) -> None:
    quantise_weights_to_int8(exported.image_package, tmp_path / "small.mlpackage")
    before = (exported.image_package / WEIGHTS).stat().st_size
    assert (tmp_path / "small.mlpackage" / WEIGHTS).stat().st_size < 0.6 * before


def test_the_same_package_gives_the_same_bytes_and_stays_as_it_was(exported_vit: Any, tmp_path: Path) -> None:
    source = exported_vit.text_package
    before = [(source / path).read_bytes() for path in FILES]
    quantise_weights_to_int8(source, tmp_path / "one.mlpackage")
    CoreMLProgram.load(source)  # reading a program moves coremltools' counters
    quantise_weights_to_int8(source, tmp_path / "two.mlpackage")
    one, two = (
        [(tmp_path / name / path).read_bytes() for path in FILES] for name in ("one.mlpackage", "two.mlpackage")
    )
    assert one == two
    assert one != before
    assert [(source / path).read_bytes() for path in FILES] == before


def test_quantising_is_quiet(
    exported_vit: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    quantise_weights_to_int8(exported_vit.text_package, tmp_path / "small.mlpackage")
    assert capfd.readouterr() == ("", "")
    assert [record.getMessage() for record in caplog.records] == []


def test_what_is_no_package_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"absent\.mlpackage: is not a Core ML package"):
        quantise_weights_to_int8(tmp_path / "absent.mlpackage", tmp_path / "small.mlpackage")


def test_6_bit_palettes_are_smaller_than_int8_and_still_close(exported_vit: Any, centred: Any, tmp_path: Path) -> None:
    quantise_weights_to_int8(exported_vit.image_package, tmp_path / "int8.mlpackage")
    palettise_weights_to_6_bits(exported_vit.image_package, tmp_path / "6bit.mlpackage")
    int8, palettes = ((tmp_path / f"{name}.mlpackage" / WEIGHTS).stat().st_size for name in ("int8", "6bit"))
    embeddings = embed_images(tmp_path / "6bit.mlpackage", exported_vit.pixels)

    assert palettes < int8
    assert centred(embeddings, exported_vit.image_embeddings).min() > 0.9
