"""Errors as RFC 9457 problem documents (`application/problem+json`)."""

from __future__ import annotations

from flask import Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response as WerkzeugResponse

from edge_identify.edge_runtime.io.json_fields import canonical_json
from edge_identify.sync_server.contract.problem_kinds import FAULT, ProblemError, ProblemKind, kind_of_status

PROBLEM_JSON = "application/problem+json"
REFUSED = "edge_identify.refused"  # key of the WSGI environment: why the request gets 503 without any work


def problem(kind: ProblemKind, detail: str) -> Response:
    """Return an `application/problem+json` response with `Cache-Control: no-store`.

    Args:
        kind: The problem's kind.
        detail: One sentence about this case.
    """
    response = Response(
        problem_document(kind, detail, instance=request.path, request_id=g.get("request_id")),
        status=kind.status,
        content_type=PROBLEM_JSON,
    )
    response.headers["Cache-Control"] = "no-store"  # a missing pack may be published in a minute
    return response


def problem_document(kind: ProblemKind, detail: str, *, instance: str, request_id: str | None) -> bytes:
    """Return the bytes of a problem document, canonical JSON."""
    body = {
        "type": kind.uri,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": instance,
    }
    return canonical_json(body if request_id is None else {**body, "request_id": request_id})


def problem_for(error: HTTPException) -> WerkzeugResponse:
    """Return the problem document of a Flask error, with its headers. Redirects stay as they are."""
    if isinstance(error, RequestRedirect):
        return error.get_response()
    kind = kind_of_status(error.code or FAULT.status)
    response = problem(kind, error.description or kind.meaning)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def problem_of(error: ProblemError) -> Response:
    """Return the response for a problem that a route raised."""
    response = problem(error.kind, error.detail)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response
