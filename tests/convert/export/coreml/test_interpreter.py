"""The interpreter reads the saved files and refuses unknown operators and inputs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_identify.convert.export.coreml.interpreter import CoreMLProgram
from edge_identify.convert.export.coreml.mlpackage import MANIFEST, MODEL, WEIGHTS
from edge_identify.convert.export.coreml.operators import OPERATORS
from edge_identify.convert.export.coreml.package_embedding import embed_images
from edge_identify.edge_runtime.errors import SetupError


def test_a_program_tells_its_inputs_and_outputs(exported_vit: Any) -> None:
    program = CoreMLProgram.load(exported_vit.image_package)
    assert (program.inputs, program.outputs) == (("image",), ("embedding",))


def test_a_program_may_be_run_again_with_the_same_result(exported_vit: Any) -> None:
    program = CoreMLProgram.load(exported_vit.image_package)
    image = {"image": np.moveaxis(exported_vit.pixels[:1], 3, 1).astype(np.float32)}
    np.testing.assert_array_equal(program.run(image)["embedding"], program.run(image)["embedding"])


def test_a_package_with_zeroed_weights_shows_at_once(exported: Any, tmp_path: Path, centred: Any) -> None:
    broken = tmp_path / "broken.mlpackage"
    shutil.copytree(exported.image_package, broken)
    _zero_largest_weight(broken / WEIGHTS)
    embeddings = embed_images(broken, exported.pixels)
    assert centred(embeddings, exported.image_embeddings).mean() < 0.97


def test_an_unknown_operator_is_refused_by_type_and_name(exported_vit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(OPERATORS, "gelu")
    with pytest.raises(SetupError, match=r"operator 'gelu' \(gelu\w*\) that cannot be evaluated"):
        CoreMLProgram.load(exported_vit.image_package)


def test_an_input_that_an_operator_does_not_understand_is_refused_by_name(
    exported_vit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPERATORS, "gelu", lambda x: x)
    with pytest.raises(SetupError, match=r"'gelu' .* has an input 'mode'"):
        CoreMLProgram.load(exported_vit.image_package)


def test_a_use_without_a_rule_is_refused_by_type(exported_vit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(x: Any, mode: str) -> Any:
        raise NotImplementedError(mode)

    monkeypatch.setitem(OPERATORS, "gelu", refuse)
    with pytest.raises(SetupError, match=r"'gelu' .*: EXACT"):
        embed_images(exported_vit.image_package, exported_vit.pixels[:1])


@pytest.mark.parametrize("path", [MODEL, WEIGHTS, MANIFEST])
def test_a_package_without_one_of_its_files_is_refused_by_its_name(
    exported_vit: Any, tmp_path: Path, path: str
) -> None:
    package = tmp_path / "incomplete.mlpackage"
    shutil.copytree(exported_vit.image_package, package)
    (package / path).unlink()
    with pytest.raises(SetupError, match=path.replace(".", r"\.")):
        CoreMLProgram.load(package)


@pytest.mark.parametrize("path", [MODEL, MANIFEST])
def test_a_damaged_description_is_refused_by_the_package_s_name(exported_vit: Any, tmp_path: Path, path: str) -> None:
    package = tmp_path / "damaged.mlpackage"
    shutil.copytree(exported_vit.image_package, package)
    (package / path).write_bytes(b"\xff" * 100)
    with pytest.raises(SetupError, match=r"damaged\.mlpackage"):
        CoreMLProgram.load(package)


def _zero_largest_weight(weights: Path) -> None:
    data = bytearray(weights.read_bytes())
    start, length = _largest_blob(bytes(data))
    data[start : start + length] = bytes(length)
    weights.write_bytes(data)


def _largest_blob(data: bytes) -> tuple[int, int]:
    """Find the largest weight; the 64 bytes before each one hold a marker, a type, its length and its offset."""
    marker = (0xDEADBEEF).to_bytes(4, "little")
    places = [at for at in range(64, len(data), 64) if data[at : at + 4] == marker]
    blobs = [
        (int.from_bytes(data[at + 16 : at + 24], "little"), int.from_bytes(data[at + 8 : at + 16], "little"))
        for at in places
    ]
    return max(blobs, key=lambda blob: blob[1])
