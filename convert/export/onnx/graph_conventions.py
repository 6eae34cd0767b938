"""Properties of every ONNX file of a tower: names, versions, and bytes that do not depend on the machine.

Trap: a model as a library returns it holds paths, names and versions of the exporting machine, and an `ir_version` that
ONNX Runtime on phones in use refuses. It may hold weights twice, and unaligned, so that devices cannot map them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_identify.convert.export.onnx.shared_weights import share_equal_weights
from edge_identify.convert.export.onnx.weights_alignment import align_weights

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18  # the lowest that torch's exporter writes
IR_VERSION = 10  # ONNX Runtime 1.18 and later read it; newer versions exclude phones in use
IMAGE_INPUT = "pixels"
TEXT_INPUT = "tokens"
OUTPUT = "embedding"


def serialise_anonymously(model: ModelProto) -> bytes:
    """Return the bytes of a model without data about the exporting machine or run; changes `model`.

    Equal weights are stored once, and large weights are aligned.

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
