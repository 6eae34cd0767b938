"""Aligns the large weights of an ONNX file, so that devices can map the file and use them without a copy.

A float32 weight can be used in place only if its offset is a multiple of 4, and protobuf does not align fields.
External weight files would be aligned, but then a pack has two files that must match.

The gaps are filled with `doc_string` fields of the graph. Protobuf allows a field anywhere and more than once (the last
one counts), and every ONNX reader knows this one.
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

ALIGNMENT_BYTES = 64  # a cache line, and the widest SIMD register

_LENGTH_BYTES = 5  # fixed size of the varint of the graph's length, so that a longer graph moves no offset
_LEAST_GAP_BYTES = 2  # key and length of an empty `doc_string`


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
    """Yield the fields of a graph whose body will begin at offset `at`, with gaps before its large weights."""
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
    """Return the offset of an initializer's raw values; None for other fields, and for small or non-raw values."""
    if field.number != GRAPH_INITIALIZER or field.end - field.value < LEAST_BYTES:
        return None
    return next((part.value for part in fields(model, field.value, field.end) if part.number == TENSOR_RAW_DATA), None)


def _gap(at: int) -> bytes:
    missing = -at % ALIGNMENT_BYTES
    if missing == 0:
        return b""
    length_bytes = missing if missing >= _LEAST_GAP_BYTES else missing + ALIGNMENT_BYTES
    return delimited(GRAPH_DOC_STRING, b" " * (length_bytes - _LEAST_GAP_BYTES))
