"""An exported tower gives torch's embeddings for any batch size; exports have the same bytes each time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edge_identify.convert.export.onnx.tower_to_onnx import export_image_onnx, export_text_onnx
from edge_identify.convert.models.model_loading import load_model

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Exported:
    """A tower, its file, and inputs with torch's embeddings."""

    kind: str
    tower: Any
    file: Path
    inputs: NDArray[Any]
    expected: NDArray[np.float32]


def _export(kind: str, tower: Any, inputs: NDArray[Any], out: Path) -> None:
    if kind == "pixels":
        export_image_onnx(tower, size_px=inputs.shape[1], out=out)
    else:
        export_text_onnx(tower, context_length=inputs.shape[1], out=out)


@pytest.fixture(scope="module", params=["transformer", "convolutional", "text"])
def exported(
    request: pytest.FixtureRequest, tiny_models: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    import open_clip
    import torch

    from edge_identify.convert.export.towers import ImageTower, TextTower

    model = load_model(tiny_models[request.param == "convolutional"], "random")
    size, kind = model.preprocessing.size_px, "tokens" if request.param == "text" else "pixels"
    tokenize = open_clip.SimpleTokenizer(context_length=model.context_length)
    tower: torch.nn.Module
    if kind == "tokens":
        tower = TextTower(model.model)
        inputs = tokenize(["a cat", "the long street by the sea", "oat milk", "", "!"]).numpy()
    else:
        tower = ImageTower(model.model, mean=model.mean, std=model.std)
        inputs = np.random.default_rng(0).integers(0, 256, (5, size, size, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = tower(torch.from_numpy(inputs)).numpy()
    file = tmp_path_factory.mktemp(request.param) / "tower.onnx"
    _export(kind, tower, inputs, file)
    return Exported(kind=kind, tower=tower, file=file, inputs=inputs, expected=expected)


def test_the_graph_answers_as_torch_does_for_any_batch(exported: Exported) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(exported.file), providers=["CPUExecutionProvider"])
    for count in (1, 2, 5):
        (found,) = session.run(["embedding"], {exported.kind: exported.inputs[:count]})
        np.testing.assert_allclose(found, exported.expected[:count], atol=1e-5)


def test_exporting_again_gives_the_same_bytes_and_says_nothing(
    exported: Exported, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _export(exported.kind, exported.tower, exported.inputs, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == exported.file.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["again.onnx"]
    assert capfd.readouterr() == ("", "")


def test_the_file_tells_nothing_of_the_machine_and_suits_older_runtimes(exported: Exported) -> None:
    import onnx

    data = exported.file.read_bytes()
    for trace in (b"site-packages", b"stack_trace", b"pkg.torch", str(Path.cwd()).encode()):
        assert trace not in data
    model = onnx.load_from_string(data)
    assert model.ir_version <= 10
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    assert opsets in ({"": 18}, {"": 18, "com.microsoft": 1})


def test_input_and_output_have_the_promised_types_and_an_open_batch(exported: Exported) -> None:
    import onnx

    graph = onnx.load(str(exported.file)).graph
    (given,), (returned,) = graph.input, graph.output
    element = onnx.TensorProto.UINT8 if exported.kind == "pixels" else onnx.TensorProto.INT64
    assert (given.name, given.type.tensor_type.elem_type) == (exported.kind, element)
    assert (returned.name, returned.type.tensor_type.elem_type) == ("embedding", onnx.TensorProto.FLOAT)
    shapes = [[dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in (given, returned)]
    assert shapes == [[0, *exported.inputs.shape[1:]], [0, exported.expected.shape[1]]]  # 0: named, not fixed
