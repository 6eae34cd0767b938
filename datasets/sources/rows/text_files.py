"""Read the text of a list or a table: UTF-8 or UTF-16, as spreadsheets write it.

A file in another encoding is not guessed: 8-bit code pages differ in letters, not in form, so a guess damages names
without an error. The message says what the file is instead, as far as its first bytes tell.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from edge_identify.edge_runtime.errors import SetupError

MAX_LIST_BYTES = 512 * 2**20  # read whole into memory; at 100 bytes a row, five million images

_BYTE_ORDER_MARK = "\ufeff"
_SAMPLE_BYTES = 512  # even; enough of a header to tell UTF-16 without a byte order mark

#: First bytes of files that are no text, and their names.
_NO_TEXT = (
    (b"PK\x03\x04", "a workbook (.xlsx, .ods, .numbers) or a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old workbook (.xls)"),
    (b"PAR1", "a Parquet file"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"%PDF", "a PDF"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "XML"),
)


def read_text_file(file: Path) -> str:
    """Return the text of a list or a table, UTF-8 or UTF-16, without its byte order mark.

    Raises:
        SetupError: The file is missing, a folder, too large, unreadable, no text, or in another encoding.
    """
    try:
        if file.stat().st_size > MAX_LIST_BYTES:
            raise SetupError(f"{file}: larger than {MAX_LIST_BYTES // 2**20} MiB; split the list")
        return _decoded(file, file.read_bytes())
    except FileNotFoundError as error:
        raise SetupError(f"{file}: no such file") from error
    except IsADirectoryError as error:
        raise SetupError(f"{file}: is a folder, not a list; for its images write images:{file}") from error
    except OSError as error:
        raise SetupError(f"{file}: cannot be read ({error.strerror})") from error


def _decoded(file: Path, data: bytes) -> str:
    for beginning, name in _NO_TEXT:
        if data.startswith(beginning):
            raise SetupError(f"{file}: is {name}, not a text table; save it as CSV UTF-8")
    encoding = _encoding(data)
    try:
        return data.decode(encoding).lstrip(_BYTE_ORDER_MARK)  # a file that was saved twice may have two
    except UnicodeDecodeError as error:
        if encoding != "utf-8-sig":
            raise SetupError(f"{file}: is damaged {encoding.upper()} text (byte {error.start})") from error
        raise SetupError(
            f"{file}: is not UTF-8 text (byte {error.start}, probably of an 8-bit code page such as Windows-1252); "
            "save it as CSV UTF-8"
        ) from error


def _encoding(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)) and len(data) % 4 == 0:
        return "utf-32"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a mark, every other byte of a header in Latin letters is 0.
    sample = data[:_SAMPLE_BYTES]
    low, high = sample[0::2].count(0), sample[1::2].count(0)
    if len(data) % 2 == 0 and min(low, high) == 0 and 4 * max(low, high) > len(sample):
        return "utf-16-le" if high else "utf-16-be"
    return "utf-8-sig"
