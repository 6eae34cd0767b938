"""Errors as RFC 9457 problem documents, so that a program and a person can both read them."""

from __future__ import annotations

from flask import Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response as WerkzeugResponse

from edge_identify.edge_runtime.io.json_fields import canonical_json
from edge_identify.sync_server.contract.problem_kinds import FAULT, ProblemError, ProblemKind, kind_of_status

PROBLEM_JSON = "application/problem+json"


def problem(kind: ProblemKind, detail: str) -> Response:
    """Return an `application/problem+json` answer that no cache keeps.

    Args:
        kind: What kind of problem.
        detail: This one, in a sentence.
    """
    response = Response(
        problem_document(kind, detail, instance=request.path, request_id=g.get("request_id")),
        status=kind.status,
        content_type=PROBLEM_JSON,
    )
    response.headers["Cache-Control"] = "no-store"  # what is missing now may be published in a minute
    return response


def problem_document(kind: ProblemKind, detail: str, *, instance: str, request_id: str | None) -> bytes:
    """Return the bytes of a problem document."""
    body = {
        "type": kind.uri,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": instance,
    }
    return canonical_json(body if request_id is None else {**body, "request_id": request_id})


def problem_for(error: HTTPException) -> WerkzeugResponse:
    """Return what Flask would answer to an error, as a problem document with its headers; redirects as they are."""
    if isinstance(error, RequestRedirect):
        return error.get_response()
    kind = kind_of_status(error.code or FAULT.status)
    response = problem(kind, error.description or kind.meaning)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def problem_of(error: ProblemError) -> Response:
    """Return the answer to an error that a route raised."""
    response = problem(error.kind, error.detail)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response
