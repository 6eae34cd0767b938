"""Exports a tower as a float32 ONNX file: one file, any batch size, the same bytes for the same weights.

open_clip's own transformers get the graph of `fused`, and plain convolutional nets that of `convolutional_graph`; other
towers get torch's graph. All are compared with torch before they are written.

Traps of torch's exporter: it writes paths and stack traces of the machine into every node. It cannot name the output
`embedding` if a node has that name, as in text towers. An example batch of one fixes the batch size to one.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.convert.export.onnx.convolutional_graph import convolutional_graph
from edge_identify.convert.export.onnx.fused.fused_graph import fused_image_graph, fused_text_graph
from edge_identify.convert.export.onnx.graph_conventions import (
    IMAGE_INPUT,
    OPSET,
    OUTPUT,
    TEXT_INPUT,
    serialise_anonymously,
)
from edge_identify.convert.export.onnx.torch_comparison import check_against_torch, proof_pixels, proof_tokens
from edge_identify.convert.export.unsupported_operators import first_line, unsupported_operator
from edge_identify.convert.models.libraries.library_logging import muted
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.durable_writes import write_bytes

if TYPE_CHECKING:
    import torch
    from onnx import GraphProto, ModelProto

    from edge_identify.convert.export.onnx.torch_comparison import Inputs
    from edge_identify.convert.export.towers import ImageTower, TextTower

_TEMPORARY_OUTPUT = "unit_vectors"

#: The part of torch 2.13's message that names an operator without an ONNX translation.
_UNSUPPORTED = re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+)'")

_EXAMPLE_BATCH = 2  # torch.export treats sizes 0 and 1 as constants


def export_image_onnx(tower: ImageTower, *, size_px: int, out: Path) -> None:
    """Write an image tower: `pixels`, uint8 [batch, size, size, 3], to `embedding`, float32 [batch, dim].

    Args:
        tower: The image tower.
        size_px: Side of its square input.
        out: The file to write; its folder exists.

    Raises:
        SetupError: The tower has an operator that ONNX lacks (the message names its layer), is larger than an ONNX file
            may be, or gives other embeddings in ONNX Runtime than in torch.
    """
    inputs = proof_pixels(size_px)
    model = (
        fused_image_graph(tower, size_px)
        or convolutional_graph(tower.eval(), inputs)
        or _exported_by_torch(tower, inputs, IMAGE_INPUT)
    )
    _write(model, tower, inputs, "image", out)


def export_text_onnx(tower: TextTower, *, context_length: int, out: Path) -> None:
    """Write a text tower: `tokens`, int64 [batch, context], to `embedding`, float32 [batch, dim].

    Args:
        tower: The text tower.
        context_length: Token ids in its input.
        out: The file to write; its folder exists.

    Raises:
        SetupError: As `export_image_onnx`.
    """
    inputs = proof_tokens(tower, context_length)
    model = fused_text_graph(tower, context_length) or _exported_by_torch(tower, inputs, TEXT_INPUT)
    _write(model, tower, inputs, "text", out)


def _write(model: ModelProto, tower: torch.nn.Module, inputs: Inputs, kind: str, out: Path) -> None:
    try:
        data = serialise_anonymously(model)
    except ValueError as error:  # beyond protobuf's 2 GB
        raise _inexpressible(error) from error
    check_against_torch(data, tower, inputs, kind)
    write_bytes(out, data)


def _exported_by_torch(tower: torch.nn.Module, inputs: Inputs, input_name: str) -> ModelProto:
    import torch

    model = _export(tower, torch.from_numpy(inputs[:_EXAMPLE_BATCH]), input_name)
    _rename_output(model.graph)
    return model


def _inexpressible(error: Exception) -> SetupError:
    # torch's message names the step that failed; its cause names the reason.
    return SetupError(f"the tower cannot be written as one ONNX file ({first_line(error.__cause__ or error)})")


def _export(tower: torch.nn.Module, example: torch.Tensor, input_name: str) -> ModelProto:
    import torch

    with muted("torch", "onnxscript", "onnx_ir"), warnings.catch_warnings(), torch.no_grad():
        # torch 2.13's exporter copies objects of its own that it has deprecated.
        warnings.filterwarnings("ignore", message=".*treespec, LeafSpec", category=FutureWarning)
        try:
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
            if found := _UNSUPPORTED.search(str(error)):
                decomposed = torch.export.export(tower, (example,), strict=False).run_decompositions()
                raise unsupported_operator(decomposed, found[1], "ONNX") from error
            raise _inexpressible(error) from error
    return model


def _rename_output(graph: GraphProto) -> None:
    names = {_TEMPORARY_OUTPUT: OUTPUT, OUTPUT: f"{OUTPUT}_inside"}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*graph.output, *graph.value_info, *graph.initializer):
        value.name = names.get(value.name, value.name)
