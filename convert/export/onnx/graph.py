"""A tower as an ONNX file in float32: one file, any batch size, the same bytes for the same weights.

What a newcomer would get wrong: torch writes the paths and stack traces of the exporting machine into every
node; it cannot name an output `embedding`, since a text tower has a node of that name; and an example batch
of one freezes the batch size at one.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.models.library_chatter import muted
from edge_identify.edge_runtime.durable import write_bytes
from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    import torch
    from onnx import GraphProto, ModelProto

    from edge_identify.convert.export.towers import ImageTower, TextTower

OPSET = 18  # the lowest that torch's exporter writes
IR_VERSION = 10  # ONNX Runtime from 1.18 on reads it; newer ones lock out phones in use
IMAGE_INPUT = "pixels"
TEXT_INPUT = "tokens"
OUTPUT = "embedding"

_TEMPORARY_OUTPUT = "unit_vectors"
_EXAMPLE_BATCH = 2  # torch.export takes 0 and 1 for constants


def export_image_onnx(tower: ImageTower, *, size_px: int, out: Path) -> None:
    """Write an image tower: `pixels`, uint8 [batch, size, size, 3], to `embedding`, float32 [batch, dim].

    Args:
        tower: Returns unit vectors of uint8 pictures.
        size_px: Side of its square input.
        out: Where the file goes; a folder that exists.

    Raises:
        SetupError: torch cannot express the tower in ONNX, or it is larger than one ONNX file may be.
    """
    import torch

    example = torch.zeros(_EXAMPLE_BATCH, size_px, size_px, 3, dtype=torch.uint8)
    _write(tower, example, IMAGE_INPUT, out)


def export_text_onnx(tower: TextTower, *, context_length: int, out: Path) -> None:
    """Write a text tower: `tokens`, int64 [batch, context], to `embedding`, float32 [batch, dim].

    Args:
        tower: Returns unit vectors of token ids.
        context_length: Tokens in its input.
        out: Where the file goes; a folder that exists.

    Raises:
        SetupError: As `export_image_onnx`.
    """
    import torch

    example = torch.zeros(_EXAMPLE_BATCH, context_length, dtype=torch.int64)
    _write(tower, example, TEXT_INPUT, out)


def _write(tower: torch.nn.Module, example: torch.Tensor, input_name: str, out: Path) -> None:
    model = _export(tower, example, input_name)
    _rename_output(model.graph)
    write_bytes(out, serialise_anonymously(model))


def _export(tower: torch.nn.Module, example: torch.Tensor, input_name: str) -> ModelProto:
    import torch

    try:
        with muted("torch", "onnxscript", "onnx_ir"), warnings.catch_warnings(), torch.no_grad():
            # torch's exporter copies objects of its own that it has deprecated (2.13).
            warnings.filterwarnings("ignore", message=".*treespec, LeafSpec", category=FutureWarning)
            program = torch.onnx.export(
                tower.eval(),
                (example,),
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                external_data=False,
                input_names=[input_name],
                output_names=[_TEMPORARY_OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
            )
        if program is None:
            raise SetupError("torch's ONNX exporter returned nothing; is torch newer than this version knows?")
        model: ModelProto = program.model_proto
    except (torch.onnx.OnnxExporterError, ValueError) as error:  # ValueError: beyond protobuf's 2 GB
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise SetupError(f"the tower cannot be written as one ONNX file ({reason})") from error
    return model


def serialise_anonymously(model: ModelProto) -> bytes:
    """Return a model's bytes without anything about the machine or the run that made it; changes `model`."""
    graph = model.graph
    model.ir_version = min(model.ir_version, IR_VERSION)
    for field in ("producer_name", "producer_version", "doc_string", "metadata_props"):
        model.ClearField(field)
    graph.name = "tower"
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _rename_output(graph: GraphProto) -> None:
    names = {_TEMPORARY_OUTPUT: OUTPUT, OUTPUT: f"{OUTPUT}_inside"}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*graph.output, *graph.value_info, *graph.initializer):
        value.name = names.get(value.name, value.name)
