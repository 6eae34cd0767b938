"""A minimal reader and writer of protobuf, enough for the structure of an ONNX file.

A message is a sequence of fields. Each field is a key (number * 8 + wire type) and a value; see the protobuf encoding
specification. The `onnx` library is not used: it is larger than the whole device install and copies every weight.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import NamedTuple

#: Field numbers in onnx.proto.
MODEL_GRAPH, MODEL_FUNCTION = 7, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_DOC_STRING, GRAPH_SPARSE_INITIALIZER = 1, 5, 10, 15
NODE_OP_TYPE, NODE_ATTRIBUTE, NODE_DOMAIN = 4, 5, 7
ATTRIBUTE_TENSORS, ATTRIBUTE_GRAPHS, ATTRIBUTE_SPARSE = frozenset({5, 10}), frozenset({6, 11}), frozenset({22, 23})
TENSOR_DATA_TYPE, TENSOR_RAW_DATA, TENSOR_EXTERNAL_DATA, TENSOR_DATA_LOCATION = 2, 9, 13, 14
ENTRY_KEY, ENTRY_VALUE = 1, 2

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types
_MOST_VARINT_BYTES = 10  # 64 bits, 7 at a time
_MOST_KEY = 2**32 - 1  # other readers drop the bits above, and would then see another field


class UnknownLayoutError(ValueError):
    """The file is not protobuf as expected. ONNX Runtime must load it itself."""


class ProtobufField(NamedTuple):
    """The location of a field in the bytes. A graph has thousands; a dataclass takes three times as long to make.

    Attributes:
        number: The field's number.
        start: Offset of the key.
        value: Offset of the value, after its length if it has one.
        end: Offset after the value.
    """

    number: int
    start: int
    value: int
    end: int


def fields(data: mmap.mmap | bytes, start: int, end: int) -> Iterator[ProtobufField]:
    """Yield the fields of the message between two offsets.

    Raises:
        UnknownLayoutError: The bytes are not a message.
    """
    while start < end:
        key, value = read_varint(data, start)
        if not 8 <= key <= _MOST_KEY:
            raise UnknownLayoutError(f"no field number at byte {start}")
        wire_type = key & 7
        if wire_type == BYTES:
            length, value = read_varint(data, value)
            stop = value + length
        elif wire_type == VARINT:
            _, stop = read_varint(data, value)
        elif wire_type in (FIXED32, FIXED64):
            stop = value + (4 if wire_type == FIXED32 else 8)
        else:
            raise UnknownLayoutError(f"wire type {wire_type} at byte {start}")
        if stop > end:
            raise UnknownLayoutError(f"a field at byte {start} reaches past its message")
        yield ProtobufField(key >> 3, start, value, stop)
        start = stop


def read_varint(data: mmap.mmap | bytes, at: int) -> tuple[int, int]:
    """Return the varint at an offset, and the offset after it.

    Raises:
        UnknownLayoutError: The bytes are not a varint.
    """
    number = 0
    if at < len(data) and data[at] < 0x80:  # most of them have one byte
        return data[at], at + 1
    for index, byte in enumerate(data[at : at + _MOST_VARINT_BYTES]):
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, at + index + 1
    raise UnknownLayoutError(f"no varint at byte {at}")


def varint(number: int, *, least_bytes: int = 1) -> bytes:
    """Return a number as a varint of at least `least_bytes` bytes; protobuf readers accept padded varints."""
    encoded = bytearray()
    while number > 0x7F or len(encoded) + 1 < least_bytes:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def delimited(number: int, payload: bytes) -> bytes:
    """Return a length-delimited field: bytes, a text or a message."""
    return varint(number << 3 | BYTES) + varint(len(payload)) + payload
