"""Weights that occur twice in a graph are stored once.

A net that calls one layer twice has one weight when it is exported. Then normalisations are folded into each of the two
calls, and each is quantised, and the file holds everything twice: the built-in image tower, then with 384 numbers, was
12.6 MB instead of 7.6.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

_LEAST_BYTES = 1024  # below, nothing is saved that anybody would notice


def share_equal_weights(model: ModelProto) -> None:
    """Keep one of each set of equal weights, the first, and let the nodes use that one; changes `model`."""
    from onnx import AttributeProto

    graph = model.graph
    if any(
        each.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for node in graph.node for each in node.attribute
    ):
        return  # a graph within the graph may use the names too
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
    """Return what tells this weight from others; None for a small one."""
    from onnx import TensorProto, numpy_helper

    if entry.data_location == TensorProto.EXTERNAL:
        return None
    values = numpy_helper.to_array(entry)
    if values.nbytes < _LEAST_BYTES:
        return None
    return sha256(f"{entry.data_type} {values.shape}".encode() + values.tobytes()).digest()
