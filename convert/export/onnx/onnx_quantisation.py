"""Quantises an exported tower to 8 bits.

A convolutional net is quantised statically (QDQ), with activation ranges measured on images. A transformer is quantised
dynamically. Measured on a ViT-B-32 with random weights: centred cosine .997 dynamic, .993 static, .80 static with every
operator. The last normalisation stays in float in both cases, so the output is a unit vector.

All integer products are exact on all processors (see `integer_products`). A convolutional net then computes the same
bits everywhere (see `same_bits`). The weights are signed with 7 bits. If that
is not faithful enough, they are unsigned with 8 bits, which takes 1.4 times as long on processors with VNNI.
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
from edge_identify.convert.export.onnx.same_bits import add_in_float, count_in_whole_numbers
from edge_identify.convert.models.libraries.library_logging import muted
from edge_identify.convert.progress import Progress, no_progress
from edge_identify.edge_runtime.io.durable_writes import write_bytes

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime
    from numpy.typing import NDArray

    Inputs = NDArray[np.uint8] | NDArray[np.int64]

_Found = TypeVar("_Found")

#: The expensive operators of a convolutional net, and those between them, so that activations stay in 8 bits. Without
#: Clip and Relu, the range of a convolution would be measured before its activation function and most of it be unused:
#: the centred cosine of an EfficientNet-Lite0 was .80 instead of .96.
_STATIC_OPERATORS = ["Conv", "Gemm", "MatMul", "Add", "MaxPool", "AveragePool", "Clip", "Relu"]
_DYNAMIC_OPERATORS = ["MatMul", "Gemm", "Conv"]
_TEXT_OPERATORS = ["MatMul", "Gemm", "Gather"]  # Gather: the token embedding is half of a text tower's bytes

#: Forms of the weights, the faster one first. Both are exact on every processor.
SIGNED_7_BITS, UNSIGNED_8_BITS = "signed, 7 bits", "unsigned, 8 bits"
_FORMS = (SIGNED_7_BITS, UNSIGNED_8_BITS)

_CALIBRATION_BATCH = 8
_JUDGED_IMAGES = 32  # enough to tell a cosine of .98 from .97; each of up to 20 tries embeds them
_JUDGED_BY_TRANSFORMERS = 8  # for transformers only the form of the weights is chosen, and a large one takes seconds


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
        out: The int8 file to write; its folder exists.
        calibration_pixels: Typical input images, uint8 [n, size, size, 3].
        transformer: Whether the tower is a transformer.
        target: Least mean centred cosine with `source`; see `quantisation_sensitivity`.
        progress: Shows the progress over the tries, for a convolutional net.

    Returns:
        The form of the weights and, for a convolutional net, the nodes that stay in float.
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
        out: The int8 file to write; its folder exists.
        calibration_tokens: Token ids of typical texts, int64 [n, context_length].
        target: Least mean centred cosine with `source`.

    Returns:
        The form of the weights.
    """
    return _quantise_dynamically(source, out, _TEXT_OPERATORS, calibration_tokens, target)


def quantise_embedding_rows(source: Path, out: Path) -> None:
    """Write a tower in which only the token embedding is int8; an image tower has none and is copied."""
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
    # The quantiser fails if the shapes that torch wrote contradict those that it infers.
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
    """Return the quantiser's options for a form of weights; `reduce_range` means 7 bits."""
    from onnxruntime.quantization import QuantType

    if form == SIGNED_7_BITS:
        return {"weight_type": QuantType.QInt8, "reduce_range": True}
    return {"weight_type": QuantType.QUInt8, "reduce_range": False}


def _static_until_faithful(
    prepared: Path, into: Path, pixels: NDArray[np.uint8], target: float, progress: Progress
) -> QuantisedNet:
    judged = pixels[:_JUDGED_IMAGES]
    expected = _embed(prepared, judged)
    found = quantise_until_faithful(
        _can_be_static(prepared),
        forms=_FORMS,
        quantise=lambda nodes, form: _static(prepared, into, pixels, nodes, form),
        measure=lambda: mean_centred_cosine(_embed(into, judged), expected),
        target=target,
        progress=progress,
    )
    _write_same_bits(prepared, into, pixels)
    return found


def _write_same_bits(prepared: Path, into: Path, pixels: NDArray[np.uint8]) -> None:
    """Rewrite a quantised net so that it computes the same bits on every processor; see `same_bits`."""
    import onnx

    model = onnx.load(str(into))
    add_in_float(model)
    count_in_whole_numbers(model, lambda tensors: _magnitudes(prepared, tensors, pixels))
    onnx.save(model, str(into))


def _magnitudes(prepared: Path, tensors: Sequence[str], pixels: NDArray[np.uint8]) -> dict[str, float]:
    """Return the largest magnitude of each named tensor of the float net."""
    import numpy as np
    import onnx

    model = onnx.load(str(prepared))
    known = {entry.name for entry in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in tensors if name not in known)
    session = _session(model.SerializeToString())
    found = [session.run(list(tensors), {IMAGE_INPUT: batch}) for batch in _batches(pixels)]
    return {name: float(max(np.abs(each[at]).max() for each in found)) for at, name in enumerate(tensors)}


def _embed(path: Path, inputs: Inputs) -> NDArray[np.float32]:
    import numpy as np

    session = _session(str(path))
    (taken,) = session.get_inputs()
    return np.concatenate([session.run([OUTPUT], {taken.name: batch})[0] for batch in _batches(inputs)])


def _session(model: str | bytes) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # on a shared machine, spinning stalls all
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"], enable_fallback=0)


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
        # The ranges of all layers are measured in the first try and read in the others.
        calibration_cache_path=into.with_name("ranges.json"),
        **_weights(form),
    )


def _batches(inputs: Inputs) -> Iterator[Inputs]:
    return (inputs[start : start + _CALIBRATION_BATCH] for start in range(0, len(inputs), _CALIBRATION_BATCH))


def _calibration_reader(pixels: NDArray[np.uint8]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Batches(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        """Returns the batches one by one, then None, as onnxruntime expects."""

        def __init__(self) -> None:
            self._batches = _batches(pixels)

        def get_next(self) -> dict[str, Inputs] | None:
            batch = next(self._batches, None)
            return None if batch is None else {IMAGE_INPUT: batch}

    return Batches()


def _can_be_static(prepared: Path) -> list[str]:
    """Return the names of the nodes to quantise statically: no normalisation, no matrix product of attention."""
    import onnx

    graph = onnx.load(str(prepared)).graph
    constants = {entry.name for entry in graph.initializer}
    heavy = [place for place, node in enumerate(graph.node) if node.op_type in ("Conv", "Gemm", "MatMul")]
    if not heavy:
        return []
    # An attention pool multiplies activations by activations, which is cheap. In 8 bits, ONNX Runtime (1.31) fuses the
    # softmax between two such products with a wrong result: an RN50 fell to a cosine of .68.
    return [
        node.name
        for node in graph.node[heavy[0] : heavy[-1] + 1]
        if node.op_type in _STATIC_OPERATORS and (node.op_type != "MatMul" or constants & set(node.input))
    ]
