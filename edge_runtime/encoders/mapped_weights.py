"""An ONNX file opened without copying its weights: they stay in the file, which the system maps as it is needed.

Loaded plainly, ONNX Runtime parses the file, copies each weight and then starts; for a ViT-B-32 in int8 that is most
of a cold start. Here the graph alone is handed over, each large weight replaced by a note where it lies in the same
file (`external_data`, which ONNX Runtime maps). The file on disk is the pack's own, unchanged.

A newcomer would use the `onnx` library, which is larger than the whole device install. The little of protobuf that is
needed is here: a message is a row of fields, each a key (number * 8 + wire type) and a value.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LEAST_BYTES = 4096  # below a page, mapping costs more than copying

# Field numbers of onnx.proto.
_MODEL_GRAPH = 7
_GRAPH_INITIALIZER = 5
_TENSOR_DATA_TYPE, _TENSOR_RAW_DATA, _TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION = 2, 9, 13, 14
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_LOCATION_EXTERNAL = 1

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types
_MOST_VARINT_BYTES = 10  # 64 bits, 7 at a time

#: TensorProto.DataType -> bytes of one value, for the types that hold a model's bulk. A weight is left in the graph
#: where it does not lie on a multiple of this: only whole bytes may lie anywhere.
_VALUE_BYTES = {1: 4, 2: 1, 3: 1, 10: 2}


class UnknownLayoutError(ValueError):
    """The file is not the protobuf that was expected; it must be loaded the plain way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    number: int
    start: int  # of the key
    value: int  # of the value, behind the length where there is one
    end: int


def graph_with_mapped_weights(path: Path) -> bytes:
    """Return an ONNX model whose large weights are references into the file itself.

    Args:
        path: An ONNX file whose hash has been checked.

    Returns:
        The model without those weights. ONNX Runtime must be told `path.parent` as the folder of external data.

    Raises:
        UnknownLayoutError: The file cannot be taken apart.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        parts = [
            _delimited(_MODEL_GRAPH, _graph(data, field, path.name))
            if field.number == _MODEL_GRAPH
            else data[field.start : field.end]
            for field in _fields(data, 0, len(data))
        ]
    return b"".join(parts)


def _graph(data: mmap.mmap, graph: _Field, file_name: str) -> bytes:
    parts = []
    for field in _fields(data, graph.value, graph.end):
        is_large = field.number == _GRAPH_INITIALIZER and field.end - field.value >= _LEAST_BYTES
        note = _tensor_in_file(data, field, file_name) if is_large else None
        parts.append(data[field.start : field.end] if note is None else _delimited(_GRAPH_INITIALIZER, note))
    return b"".join(parts)


def _tensor_in_file(data: mmap.mmap, tensor: _Field, file_name: str) -> bytes | None:
    """Return the tensor with its values left in the file, or None where they must stay in the graph."""
    fields = list(_fields(data, tensor.value, tensor.end))
    raw = [field for field in fields if field.number == _TENSOR_RAW_DATA]
    types = [_varint(data, field.value)[0] for field in fields if field.number == _TENSOR_DATA_TYPE]
    if len(raw) != 1 or len(types) != 1 or types[0] not in _VALUE_BYTES or raw[0].value % _VALUE_BYTES[types[0]]:
        return None
    kept = [data[field.start : field.end] for field in fields if field.number != _TENSOR_RAW_DATA]
    notes = {"location": file_name, "offset": str(raw[0].value), "length": str(raw[0].end - raw[0].value)}
    entries = [
        _delimited(
            _TENSOR_EXTERNAL_DATA,
            _delimited(_ENTRY_KEY, key.encode()) + _delimited(_ENTRY_VALUE, value.encode()),
        )
        for key, value in notes.items()
    ]
    location = _encoded(_TENSOR_DATA_LOCATION << 3 | _VARINT) + _encoded(_LOCATION_EXTERNAL)
    return b"".join((*kept, *entries, location))


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[_Field]:
    while start < end:
        key, value = _varint(data, start)
        wire_type = key & 7
        if wire_type == _VARINT:
            _, stop = _varint(data, value)
        elif wire_type == _BYTES:
            length, value = _varint(data, value)
            stop = value + length
        elif wire_type in (_FIXED32, _FIXED64):
            stop = value + (4 if wire_type == _FIXED32 else 8)
        else:
            raise UnknownLayoutError(f"wire type {wire_type} at byte {start}")
        if stop > end:
            raise UnknownLayoutError(f"a field at byte {start} reaches past its message")
        yield _Field(number=key >> 3, start=start, value=value, end=stop)
        start = stop


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    """Return a number and where the next thing begins."""
    number = 0
    for index, byte in enumerate(data[at : at + _MOST_VARINT_BYTES]):
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, at + index + 1
    raise UnknownLayoutError(f"no number at byte {at}")


def _encoded(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _delimited(number: int, payload: bytes) -> bytes:
    return _encoded(number << 3 | _BYTES) + _encoded(len(payload)) + payload
