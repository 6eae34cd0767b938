"""Sending a file with a strong ETag: 200, 206, 304, 412 or 416.

Werkzeug's conditional responses differ from RFC 9110 in a few cases (see `range_header`, and `HEAD` with `Range`).
Such a difference breaks a resumed download, so the rules are implemented and tested here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from flask import Request, Response
from werkzeug.wsgi import wrap_file

from edge_identify.sync_server.contract.problem_kinds import PRECONDITION, RANGE
from edge_identify.sync_server.contract.problem_responses import problem
from edge_identify.sync_server.delivery.file_piece import open_piece
from edge_identify.sync_server.delivery.range_header import ByteRange, UnsatisfiableRangeError, requested_range

_CHUNK_BYTES = 1 << 17  # for WSGI servers without a file wrapper of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A file to send.

    Attributes:
        file: Open for reading; closed after the response.
        length_bytes: Its length.
        sha256: Hash of its bytes; the strong ETag.
        content_type: Value of `Content-Type`.
        cache_control: Value of `Cache-Control`.
    """

    file: BinaryIO
    length_bytes: int
    sha256: str
    content_type: str
    cache_control: str


def send(content: Content, request: Request) -> Response:
    """Answer a GET or HEAD for a file: 200, 206, 304, 412 or 416."""
    if not _matches(request, content):
        content.file.close()
        return problem(PRECONDITION, "the file has another ETag than `If-Match` asks for")
    if request.if_none_match.contains_weak(content.sha256):
        content.file.close()
        return _with_headers(Response(status=304), content)
    try:
        piece = requested_range(_range_header(request, content), content.length_bytes)
    except UnsatisfiableRangeError:
        content.file.close()
        answer = problem(RANGE, f"the file has {content.length_bytes} bytes")
        answer.headers["Content-Range"] = f"bytes */{content.length_bytes}"
        return answer
    return _with_headers(_body(content, piece, request), content)


def _matches(request: Request, content: Content) -> bool:
    """Return whether `If-Match` is absent or lists the file's strong ETag (RFC 9110, section 13.1.1)."""
    if "If-Match" not in request.headers:
        return True
    return request.if_match.star_tag or request.if_match.is_strong(content.sha256)


def _range_header(request: Request, content: Content) -> str | None:
    """Return the `Range` header if it applies: on GET, and if `If-Range` is absent or equals the ETag."""
    if request.method != "GET":
        return None
    only_if = request.headers.get("If-Range")
    if only_if is not None and only_if.strip() != f'"{content.sha256}"':  # a date or a weak tag never matches
        return None
    return request.headers.get("Range")


def _body(content: Content, piece: ByteRange | None, request: Request) -> Response:
    first, length = (0, content.length_bytes) if piece is None else (piece.first, piece.length_bytes)
    # A file, not a generator: waitress sends it without a thread, however slowly the client reads.
    # `direct_passthrough` keeps the wrapper as it is; the server closes the wrapper, and so the file.
    body = wrap_file(request.environ, open_piece(content.file, first, length), _CHUNK_BYTES)
    response = Response(body, status=200 if piece is None else 206, direct_passthrough=True)
    response.headers["Content-Type"] = content.content_type
    response.headers["Content-Length"] = str(length)
    if piece is not None:
        response.headers["Content-Range"] = f"bytes {piece.first}-{piece.last}/{content.length_bytes}"
    return response


def _with_headers(response: Response, content: Content) -> Response:
    response.headers["ETag"] = f'"{content.sha256}"'
    response.headers["Cache-Control"] = content.cache_control
    response.headers["Accept-Ranges"] = "bytes"
    return response
