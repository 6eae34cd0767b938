"""Errors as RFC 9457 problem documents, so that a program and a person can both read them."""

from __future__ import annotations

from flask import Response, request
from werkzeug.exceptions import HTTPException

from edge_identify.edge_runtime.json_fields import canonical_json


def problem(status: int, title: str, detail: str) -> Response:
    """Return an `application/problem+json` answer that no cache keeps.

    Args:
        status: HTTP status.
        title: What kind of problem, the same for each of its kind.
        detail: This one, in a sentence.
    """
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.path,
    }
    response = Response(canonical_json(body), status=status, content_type="application/problem+json")
    response.headers["Cache-Control"] = "no-store"  # what is missing now may be published in a minute
    return response


def problem_for(error: HTTPException) -> Response:
    """Return what Flask would answer to an error, as a problem document with the same status and headers."""
    response = problem(error.code or 500, error.name, error.description or error.name)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response
