"""Large weights on places in the file from which they can be used without being copied.

Devices leave the weights in the file and have the system map it. A weight of 4-byte numbers that does not begin on a
multiple of 4 cannot be used where it lies, and protobuf puts it wherever the fields before it end. A newcomer would
keep the weights in a second file; then a pack has two files that must match, and nothing else reads them.

What fills the gaps is the graph's own text, `doc_string`: it may stand anywhere and more than once, the last one
counts, and every reader knows it.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_identify.edge_runtime.encoders.mapped_weights import LEAST_BYTES
from edge_identify.edge_runtime.encoders.protobuf_fields import (
    BYTES,
    GRAPH_DOC_STRING,
    GRAPH_INITIALIZER,
    MODEL_GRAPH,
    TENSOR_RAW_DATA,
    ProtobufField,
    delimited,
    fields,
    varint,
)

ALIGNMENT_BYTES = 64  # a cache line, and as wide as any processor loads at once

_LENGTH_BYTES = 5  # the graph's length is written in as many, whatever it is, so that it moves nothing
_LEAST_GAP_BYTES = 2  # key and length of an empty text


def align_weights(model: bytes) -> bytes:
    """Return a serialised ONNX model in which each large weight begins on a multiple of `ALIGNMENT_BYTES`.

    Raises:
        UnknownLayoutError: The bytes are not an ONNX model.
    """
    parts: list[bytes | memoryview] = []
    written = 0
    view = memoryview(model)
    for field in fields(model, 0, len(model)):
        if field.number == MODEL_GRAPH:
            body_at = written + 1 + _LENGTH_BYTES
            body = list(_aligned(model, field, body_at))
            length_bytes = sum(len(part) for part in body)
            head = varint(MODEL_GRAPH << 3 | BYTES) + varint(length_bytes, least_bytes=_LENGTH_BYTES)
            parts += [head, *body]
            written += len(head) + length_bytes
        else:
            parts.append(view[field.start : field.end])
            written += field.end - field.start
    return b"".join(parts)


def _aligned(model: bytes, graph: ProtobufField, at: int) -> Iterator[bytes | memoryview]:
    """Yield the fields of a graph that will lie at `at`, with gaps before its large weights."""
    view = memoryview(model)
    for field in fields(model, graph.value, graph.end):
        weight_at = _large_weight(model, field)
        if weight_at is not None:
            gap = _gap(at + weight_at - field.start)
            yield gap
            at += len(gap)
        yield view[field.start : field.end]
        at += field.end - field.start


def _large_weight(model: bytes, field: ProtobufField) -> int | None:
    """Return where the values of an initializer begin; None for what is not a large one, or keeps them otherwise."""
    if field.number != GRAPH_INITIALIZER or field.end - field.value < LEAST_BYTES:
        return None
    return next((part.value for part in fields(model, field.value, field.end) if part.number == TENSOR_RAW_DATA), None)


def _gap(at: int) -> bytes:
    missing = -at % ALIGNMENT_BYTES
    if missing == 0:
        return b""
    length_bytes = missing if missing >= _LEAST_GAP_BYTES else missing + ALIGNMENT_BYTES
    return delimited(GRAPH_DOC_STRING, b" " * (length_bytes - _LEAST_GAP_BYTES))
