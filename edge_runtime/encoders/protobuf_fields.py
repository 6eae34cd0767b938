"""The little of protobuf that is needed to look into an ONNX file: a message is a row of fields.

Each field is a key (number * 8 + wire type) and a value. A newcomer would use the `onnx` library, which is larger than
the whole device install and copies every weight.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass

#: Numbers of fields in onnx.proto.
MODEL_GRAPH = 7
GRAPH_INITIALIZER, GRAPH_DOC_STRING = 5, 10
TENSOR_DATA_TYPE, TENSOR_RAW_DATA, TENSOR_EXTERNAL_DATA, TENSOR_DATA_LOCATION = 2, 9, 13, 14
ENTRY_KEY, ENTRY_VALUE = 1, 2

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types
_MOST_VARINT_BYTES = 10  # 64 bits, 7 at a time


class UnknownLayoutError(ValueError):
    """The file is not the protobuf that was expected; it must be loaded the plain way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtobufField:
    """Where a field lies in the bytes.

    Attributes:
        number: Which field it is.
        start: Of the key.
        value: Of the value, behind the length where there is one.
        end: Of the whole.
    """

    number: int
    start: int
    value: int
    end: int


def fields(data: mmap.mmap | bytes, start: int, end: int) -> Iterator[ProtobufField]:
    """Yield the fields of the message between two places.

    Raises:
        UnknownLayoutError: There is something else.
    """
    while start < end:
        key, value = read_varint(data, start)
        wire_type = key & 7
        if wire_type == VARINT:
            _, stop = read_varint(data, value)
        elif wire_type == BYTES:
            length, value = read_varint(data, value)
            stop = value + length
        elif wire_type in (FIXED32, FIXED64):
            stop = value + (4 if wire_type == FIXED32 else 8)
        else:
            raise UnknownLayoutError(f"wire type {wire_type} at byte {start}")
        if stop > end:
            raise UnknownLayoutError(f"a field at byte {start} reaches past its message")
        yield ProtobufField(number=key >> 3, start=start, value=value, end=stop)
        start = stop


def read_varint(data: mmap.mmap | bytes, at: int) -> tuple[int, int]:
    """Return a number and where the next thing begins.

    Raises:
        UnknownLayoutError: There is no number.
    """
    number = 0
    for index, byte in enumerate(data[at : at + _MOST_VARINT_BYTES]):
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, at + index + 1
    raise UnknownLayoutError(f"no number at byte {at}")


def varint(number: int, *, least_bytes: int = 1) -> bytes:
    """Return a number as protobuf writes it, filled up to a length, which readers take as well."""
    encoded = bytearray()
    while number > 0x7F or len(encoded) + 1 < least_bytes:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def delimited(number: int, payload: bytes) -> bytes:
    """Return a field that holds bytes: a text, or a message."""
    return varint(number << 3 | BYTES) + varint(len(payload)) + payload
