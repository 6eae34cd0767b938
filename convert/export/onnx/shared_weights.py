"""Stores weights that occur twice in a graph only once.

A layer that is called twice has one weight in torch. The exporter folds normalisations into each call, and the
quantiser quantises each, so the file holds the weight twice. The built-in image tower (then with 384 dimensions) had
12.6 MB instead of 7.6 MB.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

_LEAST_BYTES = 1024  # below, the saving is negligible


def share_equal_weights(model: ModelProto) -> None:
    """Keep the first of each set of equal weights and let all nodes use it; changes `model`."""
    from onnx import AttributeProto

    graph = model.graph
    if any(
        each.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for node in graph.node for each in node.attribute
    ):
        return  # a subgraph may use the names, too
    results = {value.name for value in graph.output}
    first: dict[bytes, str] = {}
    kept: list[TensorProto] = []
    instead: dict[str, str] = {}
    for entry in graph.initializer:
        content = None if entry.name in results else _content(entry)
        if content is not None and content in first:
            instead[entry.name] = first[content]
            continue
        if content is not None:
            first[content] = entry.name
        kept.append(entry)
    if not instead:
        return
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = instead.get(name, name)
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _content(entry: TensorProto) -> bytes | None:
    """Return a hash of a weight's type, shape and values; None for a small or external one."""
    from onnx import TensorProto, numpy_helper

    if entry.data_location == TensorProto.EXTERNAL:
        return None
    values = numpy_helper.to_array(entry)
    if values.nbytes < _LEAST_BYTES:
        return None
    return sha256(f"{entry.data_type} {values.shape}".encode() + values.tobytes()).digest()
