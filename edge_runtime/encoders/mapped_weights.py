"""Open an ONNX file without copying its weights: they are memory-mapped from the file.

ONNX Runtime usually parses the file and copies each weight. For a ViT-B-32 in int8 that is most of the cold start. This
module passes ONNX Runtime the graph alone. Each large weight is replaced by a reference to its bytes in the same file
(ONNX `external_data`, which ONNX Runtime maps). The file on disk does not change.

Trap: ONNX Runtime needs weights of 4-byte numbers at multiples of 4, and protobuf stores them at any offset.
`edge-build` aligns them (`convert/export/onnx/weights_alignment.py`). Unaligned weights of older packs stay in the
graph.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from edge_identify.edge_runtime.encoders.protobuf_fields import (
    ENTRY_KEY,
    ENTRY_VALUE,
    GRAPH_INITIALIZER,
    MODEL_GRAPH,
    TENSOR_DATA_LOCATION,
    TENSOR_DATA_TYPE,
    TENSOR_EXTERNAL_DATA,
    TENSOR_RAW_DATA,
    VARINT,
    ProtobufField,
    delimited,
    fields,
    read_varint,
    varint,
)

LEAST_BYTES = 4096  # below a page, mapping costs more than copying
_LOCATION_EXTERNAL = 1

#: TensorProto.DataType -> bytes of one value, for the types that hold most of a model. A weight whose offset is not a
#: multiple of this stays in the graph.
_VALUE_BYTES = {1: 4, 2: 1, 3: 1, 10: 2}


def graph_with_mapped_weights(path: Path) -> bytes:
    """Return an ONNX model whose large weights are references into the file itself.

    This function maps the file only while it runs. ONNX Runtime maps it again and keeps it mapped with its session.

    Args:
        path: An ONNX file whose hash has been checked.

    Returns:
        The serialised model without those weights. ONNX Runtime needs `path.parent` as the folder of external data.

    Raises:
        UnknownLayoutError: The file is not protobuf as expected.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        parts = [
            delimited(MODEL_GRAPH, _graph(data, field, path.name))
            if field.number == MODEL_GRAPH
            else data[field.start : field.end]
            for field in fields(data, 0, len(data))
        ]
    return b"".join(parts)


def _graph(data: mmap.mmap, graph: ProtobufField, file_name: str) -> bytes:
    parts = []
    for field in fields(data, graph.value, graph.end):
        is_large = field.number == GRAPH_INITIALIZER and field.end - field.value >= LEAST_BYTES
        note = _tensor_in_file(data, field, file_name) if is_large else None
        parts.append(data[field.start : field.end] if note is None else delimited(GRAPH_INITIALIZER, note))
    return b"".join(parts)


def _tensor_in_file(data: mmap.mmap, tensor: ProtobufField, file_name: str) -> bytes | None:
    """Return the tensor with a reference in place of its values, or None if the values must stay in the graph."""
    parts = list(fields(data, tensor.value, tensor.end))
    raw = [field for field in parts if field.number == TENSOR_RAW_DATA]
    types = [read_varint(data, field.value)[0] for field in parts if field.number == TENSOR_DATA_TYPE]
    if len(raw) != 1 or len(types) != 1 or types[0] not in _VALUE_BYTES or raw[0].value % _VALUE_BYTES[types[0]]:
        return None
    kept = [data[field.start : field.end] for field in parts if field.number != TENSOR_RAW_DATA]
    notes = {"location": file_name, "offset": str(raw[0].value), "length": str(raw[0].end - raw[0].value)}
    entries = [
        delimited(
            TENSOR_EXTERNAL_DATA,
            delimited(ENTRY_KEY, key.encode()) + delimited(ENTRY_VALUE, value.encode()),
        )
        for key, value in notes.items()
    ]
    location = varint(TENSOR_DATA_LOCATION << 3 | VARINT) + varint(_LOCATION_EXTERNAL)
    return b"".join((*kept, *entries, location))
