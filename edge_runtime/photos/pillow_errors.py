"""The exceptions that Pillow raises for broken files."""

import struct

#: What Pillow's decoders and its reading of metadata raise for broken files, found by feeding them some.
PILLOW_RAISES = (
    OSError, ValueError, SyntaxError, IndexError, KeyError, EOFError, OverflowError, TypeError, AttributeError,
    ZeroDivisionError, MemoryError, struct.error, RuntimeError,
)  # fmt: skip
