"""Sending a small document compressed with gzip, to clients that accept it.

The compressed form is another representation, so it has an ETag of its own (RFC 9110, section 8.8.3).
"""

from __future__ import annotations

import gzip
import io
from dataclasses import replace
from typing import TYPE_CHECKING

from edge_identify.sync_server.delivery.file_responses import Content, send

if TYPE_CHECKING:
    from flask import Request, Response

_CODING = "gzip"
_LEAST_BYTES = 200  # gzip's own head and end take 18
_LEVEL = 9


def send_smaller(content: Content, request: Request) -> Response:
    """Answer a GET or HEAD for a document, as `send` does, compressed if the client accepts gzip.

    Args:
        content: The document. It is read into memory.
        request: The request.
    """
    accepts = request.accept_encodings[_CODING] > 0 and content.length_bytes >= _LEAST_BYTES
    response = send(_compressed(content) if accepts else content, request)
    response.vary.add("Accept-Encoding")
    if accepts and response.status_code in (200, 206):
        response.headers["Content-Encoding"] = _CODING
    return response


def _compressed(content: Content) -> Content:
    with content.file as file:
        data = gzip.compress(file.read(), _LEVEL, mtime=0)
    return replace(content, file=io.BytesIO(data), length_bytes=len(data), sha256=f"{content.sha256}-{_CODING}")
