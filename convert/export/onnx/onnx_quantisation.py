"""An exported tower with 8-bit weights, in the way that suits it.

A convolutional net is quantised with ranges measured on images (static, QDQ), a transformer as it runs
(dynamic). Measured on a ViT-B-32 with random weights: centred cosine .997 dynamic, .993 static, .80 static
with every operator. The last normalisation stays in float either way, so the output is a unit vector.

Every product is exact on every processor (see `integer_products`): the weights are signed with 7 bits, or, where that
is not faithful enough, unsigned with 8 bits. Unsigned weights take 1.4 times as long on processors with VNNI.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from edge_identify.convert.export.onnx.graph_conventions import IMAGE_INPUT, OUTPUT, serialise_anonymously
from edge_identify.convert.export.onnx.quantisation_sensitivity import (
    TARGET,
    QuantisedNet,
    mean_centred_cosine,
    quantise_until_faithful,
    quantise_whole,
)
from edge_identify.convert.models.libraries.library_logging import muted
from edge_identify.convert.progress import Progress, no_progress
from edge_identify.edge_runtime.io.durable_writes import write_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Inputs = NDArray[np.uint8] | NDArray[np.int64]

_Found = TypeVar("_Found")

#: Where nearly all of a convolutional net's time goes, and what lies between, so that values stay in 8 bits.
_STATIC_OPERATORS = ["Conv", "Gemm", "MatMul", "Add", "MaxPool", "AveragePool"]
_DYNAMIC_OPERATORS = ["MatMul", "Gemm", "Conv"]
_TEXT_OPERATORS = ["MatMul", "Gemm", "Gather"]  # Gather: the token embedding is half of a text tower's bytes

#: Forms of the weights, the faster one first. Both are exact on every processor.
SIGNED_7_BITS, UNSIGNED_8_BITS = "signed, 7 bits", "unsigned, 8 bits"
_FORMS = (SIGNED_7_BITS, UNSIGNED_8_BITS)

_CALIBRATION_BATCH = 8
_JUDGED_IMAGES = 32  # enough to tell .98 from .97, and judged up to 20 times
_JUDGED_BY_TRANSFORMERS = 8  # of a transformer only the form of its weights is chosen, and a large one takes seconds


def quantise_image_to_int8(
    source: Path,
    out: Path,
    *,
    calibration_pixels: NDArray[np.uint8],
    transformer: bool,
    target: float = TARGET,
    progress: Progress = no_progress,
) -> QuantisedNet:
    """Write an image tower with int8 weights.

    Args:
        source: The float32 file of `export_image_onnx`.
        out: Where the int8 file goes; a folder that exists.
        calibration_pixels: Images like those it will meet, uint8 [n, size, size, 3].
        transformer: Whether the tower is a transformer.
        target: Least mean centred cosine with `source`; see `quantisation_sensitivity`.
        progress: Is shown the tries, for a convolutional net.

    Returns:
        The form of its weights, and, for a convolutional net, what was left in float to reach the target.
    """
    if transformer:
        judged = calibration_pixels[:_JUDGED_BY_TRANSFORMERS]
        return _quantise_dynamically(source, out, _DYNAMIC_OPERATORS, judged, target)
    return _quantise(
        source,
        out,
        lambda prepared, into: _static_until_faithful(prepared, into, calibration_pixels, target, progress),
    )


def quantise_text_to_int8(
    source: Path, out: Path, *, calibration_tokens: NDArray[np.int64], target: float = TARGET
) -> QuantisedNet:
    """Write a text tower with int8 weights, its token embedding included; see `quantise_image_to_int8`.

    Args:
        source: The float32 file of `export_text_onnx`.
        out: Where the int8 file goes; a folder that exists.
        calibration_tokens: Texts like those it will meet, int64 [n, context_length].
        target: Least mean centred cosine with `source`.
    """
    return _quantise_dynamically(source, out, _TEXT_OPERATORS, calibration_tokens, target)


def quantise_embedding_rows(source: Path, out: Path) -> None:
    """Write a tower whose token embedding alone is int8; an image tower, which has none, stays as it was."""
    _quantise(source, out, lambda prepared, into: _dynamic(prepared, into, ["Gather"], SIGNED_7_BITS))


def _quantise_dynamically(source: Path, out: Path, operators: list[str], judged: Inputs, target: float) -> QuantisedNet:
    def quantise(prepared: Path, into: Path) -> QuantisedNet:
        expected = _embed(prepared, judged)
        return quantise_whole(
            operators,
            forms=_FORMS,
            quantise=lambda _, form: _dynamic(prepared, into, operators, form),
            measure=lambda: mean_centred_cosine(_embed(into, judged), expected),
            target=target,
        )

    return _quantise(source, out, quantise)


def _quantise(source: Path, out: Path, quantise: Callable[[Path, Path], _Found]) -> _Found:
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with TemporaryDirectory() as scratch, muted("onnxruntime", "onnx"):
        plain, prepared, quantised = (Path(scratch) / f"{name}.onnx" for name in ("plain", "prepared", "quantised"))
        _save_without_shapes(source, plain)
        quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
        found = quantise(prepared, quantised)
        write_bytes(out, serialise_anonymously(onnx.load(str(quantised))))
    return found


def _save_without_shapes(source: Path, plain: Path) -> None:
    # Shapes that torch wrote can contradict those that the quantiser infers, and it then gives up.
    import onnx

    model = onnx.load(str(source))
    del model.graph.value_info[:]
    onnx.save(model, str(plain))


def _dynamic(prepared: Path, into: Path, operators: list[str], form: str) -> None:
    import onnx
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(
        str(prepared),
        str(into),
        op_types_to_quantize=operators,
        per_channel=True,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        **_weights(form),
    )


def _weights(form: str) -> dict[str, Any]:
    """Return the quantiser's options for a form of weights; `reduce_range` takes a bit off the weights of products."""
    from onnxruntime.quantization import QuantType

    if form == SIGNED_7_BITS:
        return {"weight_type": QuantType.QInt8, "reduce_range": True}
    return {"weight_type": QuantType.QUInt8, "reduce_range": False}


def _static_until_faithful(
    prepared: Path, into: Path, pixels: NDArray[np.uint8], target: float, progress: Progress
) -> QuantisedNet:
    judged = pixels[:_JUDGED_IMAGES]
    expected = _embed(prepared, judged)
    return quantise_until_faithful(
        _can_be_static(prepared),
        forms=_FORMS,
        quantise=lambda nodes, form: _static(prepared, into, pixels, nodes, form),
        measure=lambda: mean_centred_cosine(_embed(into, judged), expected),
        target=target,
        progress=progress,
    )


def _embed(path: Path, inputs: Inputs) -> NDArray[np.float32]:
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # on a shared machine, spinning stalls all
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    return np.concatenate([session.run([OUTPUT], {taken.name: batch})[0] for batch in _batches(inputs)])


def _static(prepared: Path, into: Path, pixels: NDArray[np.uint8], nodes: Sequence[str], form: str) -> None:
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    quantize_static(
        str(prepared),
        str(into),
        _calibration_reader(pixels),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        calibrate_method=CalibrationMethod.MinMax,
        op_types_to_quantize=_STATIC_OPERATORS,
        nodes_to_quantize=list(nodes),
        # The ranges are of all layers, whichever are quantised: the first try measures them, the others read them.
        calibration_cache_path=into.with_name("ranges.json"),
        **_weights(form),
    )


def _batches(inputs: Inputs) -> Iterator[Inputs]:
    return (inputs[start : start + _CALIBRATION_BATCH] for start in range(0, len(inputs), _CALIBRATION_BATCH))


def _calibration_reader(pixels: NDArray[np.uint8]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Batches(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        """Hands the images out, and then None, as onnxruntime asks for them."""

        def __init__(self) -> None:
            self._batches = _batches(pixels)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            batch = next(self._batches, None)
            return None if batch is None else {IMAGE_INPUT: batch}

    return Batches()


def _can_be_static(prepared: Path) -> list[str]:
    """Return the names of the nodes that 8 bits suit: none that normalise, and no product of attention."""
    import onnx

    graph = onnx.load(str(prepared)).graph
    constants = {entry.name for entry in graph.initializer}
    heavy = [place for place, node in enumerate(graph.node) if node.op_type in ("Conv", "Gemm", "MatMul")]
    if not heavy:
        return []
    # An attention pool multiplies values by values, which is cheap. In 8 bits, ONNX Runtime (1.31) fuses the softmax
    # between two such products into one that answers something else: an RN50 fell to a cosine of .68.
    return [
        node.name
        for node in graph.node[heavy[0] : heavy[-1] + 1]
        if node.op_type in _STATIC_OPERATORS and (node.op_type != "MatMul" or constants & set(node.input))
    ]
