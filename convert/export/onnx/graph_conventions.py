"""What every ONNX file of a tower promises, whoever wrote its graph.

A newcomer would save what a library hands over. It holds the paths, names and versions of the exporting machine, and
an `ir_version` that phones in use refuse; it may hold weights twice; and they lie where no device can map them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_identify.convert.export.onnx.shared_weights import share_equal_weights
from edge_identify.convert.export.onnx.weights_alignment import align_weights

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18  # the lowest that torch's exporter writes
IR_VERSION = 10  # ONNX Runtime from 1.18 on reads it; newer ones lock out phones in use
IMAGE_INPUT = "pixels"
TEXT_INPUT = "tokens"
OUTPUT = "embedding"


def serialise_anonymously(model: ModelProto) -> bytes:
    """Return a model's bytes without anything about the machine or the run that made it; changes `model`.

    Equal weights are stored once.

    Raises:
        ValueError: The model is larger than protobuf's 2 GB.
    """
    share_equal_weights(model)
    graph = model.graph
    model.ir_version = min(model.ir_version, IR_VERSION)
    for field in ("producer_name", "producer_version", "doc_string", "metadata_props"):
        model.ClearField(field)
    graph.name = "tower"
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    return align_weights(model.SerializeToString(deterministic=True))
