"""JSON responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response

from edge_identify.edge_runtime.answers.answer_json import document_as_line
from edge_identify.sync_server.contract.operation import JSON


def json_response(document: Mapping[str, Any] | list[Any]) -> Response:
    """Return a 200 response with a JSON document and `Cache-Control: no-store`."""
    response = Response(f"{document_as_line(document)}\n", content_type=JSON)
    response.headers["Cache-Control"] = "no-store"
    return response
