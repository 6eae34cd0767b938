"""The Flask app: delivery, answers, status routes.

For each request the app applies the rate limit, reads the request by its `Operation`, sets a request id, counts it and
logs it. Errors become problem documents.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING
from uuid import uuid4

from flask import Flask, Request, Response, g, request
from werkzeug.exceptions import HTTPException

from edge_identify.edge_runtime.errors import EdgeIdentifyError
from edge_identify.sync_server.answering.embed_routes import embed_routes
from edge_identify.sync_server.answering.identify_route import identify_route
from edge_identify.sync_server.answering.pack_routes import pack_routes
from edge_identify.sync_server.answering.search_route import search_route
from edge_identify.sync_server.compat.drop_in_routes import drop_in_routes
from edge_identify.sync_server.contract.operation import Route
from edge_identify.sync_server.contract.problem_kinds import FAULT, MISDIRECTED, TOO_MANY, UNAVAILABLE, ProblemError
from edge_identify.sync_server.contract.problem_responses import REFUSED, problem, problem_for, problem_of
from edge_identify.sync_server.contract.request_reading import read_request
from edge_identify.sync_server.contract.server_address import HOST_NAMES, PUBLIC_URL, HostNames
from edge_identify.sync_server.delivery.image_urls import RecordedUrls
from edge_identify.sync_server.delivery.tree_routes import tree_routes
from edge_identify.sync_server.delivery.web_app_files import WebApp, read_web_app
from edge_identify.sync_server.delivery.web_app_routes import web_app_routes
from edge_identify.sync_server.service.metrics import ServiceMetrics
from edge_identify.sync_server.service.rate_limit import RateLimit
from edge_identify.sync_server.service.settings import Settings
from edge_identify.sync_server.service.status_routes import status_routes

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as WerkzeugResponse

    from edge_identify.sync_server.answering.engine_pool import EnginePool
    from edge_identify.sync_server.delivery.image_urls import ImageUrls

_LOG = logging.getLogger(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MAX_FORM_TEXT_BYTES = 256 * 2**10  # all fields of a form together, without files
_MAX_FORM_PARTS = 200
_BUSY_S = 1  # Retry-After: a photo takes a fraction of a second
_SHARED_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
    # Our pages need inline styles only. This blocks scripts in a malicious pack title.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}
# Packs are public: web clients of any origin may download them.
_FOR_ALL_PAGES = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Range, If-Range, If-None-Match",
    "Access-Control-Expose-Headers": "ETag, Content-Range, Content-Length, Accept-Ranges, X-Request-ID",
}


def create_app(
    repo: Path | None,
    *,
    pool: EnginePool | None = None,
    settings: Settings | None = None,
    metrics: ServiceMetrics | None = None,
    image_urls: ImageUrls | None = None,
) -> Flask:
    """Return the service as a WSGI app.

    Args:
        repo: Tree that `publish` writes. It may be empty. None serves none.
        pool: The open packs; None for delivery only.
        settings: Limits and CORS; None for the defaults.
        metrics: Takes the counts; None for a new object.
        image_urls: Gives image URLs; None for `RecordedUrls`.
    """
    settings = settings or Settings()
    metrics = metrics or ServiceMetrics()
    app = Flask(__name__, static_folder=None)
    app.request_class = _InMemoryRequest
    app.url_map.merge_slashes = False  # a doubled slash is a 404, not a redirect
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = _MAX_FORM_TEXT_BYTES
    app.config["MAX_FORM_PARTS"] = _MAX_FORM_PARTS
    app.config[PUBLIC_URL] = settings.public_url
    app.config[HOST_NAMES] = HostNames.of(
        host=settings.host, public_url=settings.public_url, allowed=settings.allowed_hosts
    )
    web_app = cache(lambda: read_web_app(pack_servers=settings.pack_servers))  # read when somebody opens it
    routes = _routes(repo, pool, metrics, image_urls or RecordedUrls(), web_app, settings.x_accel_redirect)
    _add_routes(app, routes, RateLimit(settings.rate_per_minute))
    _add_errors(app)
    questions = frozenset(route.operation.id for route in routes if route.operation.is_question)
    _add_request_records(app, metrics, settings, questions)
    return app


class _InMemoryRequest(Request):
    """A request whose uploaded files stay in memory. The web server limits their sizes."""

    def _get_file_stream(self, *_: object, **__: object) -> BytesIO:
        return BytesIO()


def _routes(
    repo: Path | None,
    pool: EnginePool | None,
    metrics: ServiceMetrics,
    image_urls: ImageUrls,
    web_app: Callable[[], WebApp],
    x_accel_redirect: str,
) -> list[Route]:
    routes: list[Route] = []
    if pool is not None:
        routes += [identify_route(pool, image_urls), search_route(pool, image_urls), *embed_routes(pool)]
        routes += [*pack_routes(pool, image_urls), *drop_in_routes(pool, image_urls)]
    routes += [] if repo is None else tree_routes(repo, x_accel_redirect=x_accel_redirect)
    routes += web_app_routes(web_app)
    routes += status_routes(repo, pool, metrics, lambda: [route.operation for route in routes])
    return routes


def _add_routes(app: Flask, routes: Sequence[Route], rate: RateLimit) -> None:
    for route in routes:
        operation = route.operation
        # A reference id and a file of the app may contain slashes; they are the last part of their paths.
        rule = operation.path.replace("{id}", "<path:id>").replace("{file}", "<path:file>")
        rule = rule.replace("{", "<").replace("}", ">")
        app.add_url_rule(rule, endpoint=operation.id, view_func=_view(route, rate), methods=[operation.method])


def _view(route: Route, rate: RateLimit) -> Callable[..., Response]:
    operation = route.operation

    def view(**in_path: str) -> Response:
        if operation.is_question and (wait_s := rate.wait_s(request.remote_addr or "")):
            raise ProblemError(TOO_MANY, f"rate limit exceeded; try again in {wait_s} s", retry_after_s=wait_s)
        try:
            return route.handler(read_request(operation, request, in_path))
        except ProblemError as error:
            kind = operation.kind_for(error.kind)
            raise ProblemError(kind, error.detail, retry_after_s=error.retry_after_s) from error

    return view


def _add_errors(app: Flask) -> None:
    app.register_error_handler(HTTPException, problem_for)
    app.register_error_handler(ProblemError, problem_of)
    app.register_error_handler(EdgeIdentifyError, _damaged)
    app.register_error_handler(Exception, _fault)


def _damaged(error: EdgeIdentifyError) -> Response:
    _LOG.error("the published tree cannot be read", extra={"reason": str(error), "request_id": g.get("request_id")})
    return problem(UNAVAILABLE, f"the published tree cannot be read: {type(error).__name__}")


def _fault(error: Exception) -> Response:
    _LOG.error("unexpected error", exc_info=error, extra={"request_id": g.get("request_id")})
    return problem(FAULT, "an error of this server; its log has the request id")


def _add_request_records(app: Flask, metrics: ServiceMetrics, settings: Settings, questions: frozenset[str]) -> None:
    """Give each request an id, response headers, a log line and metrics.

    Args:
        app: The app.
        metrics: Takes the counts.
        settings: Have the allowed origin.
        questions: Ids of the operations that only this origin may read.
    """

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        g.started = perf_counter()
        names: HostNames = app.config[HOST_NAMES]
        if names.refuses_others and not names.are_own(request.headers.get("Host", "localhost")):
            raise ProblemError(MISDIRECTED, "the request's `Host` is not a name of this server; see --allowed-hosts")
        if reason := request.environ.get(REFUSED):
            raise ProblemError(UNAVAILABLE, reason, retry_after_s=_BUSY_S)

    @app.after_request
    def end(response: Response) -> WerkzeugResponse:
        seconds = perf_counter() - g.get("started", perf_counter())
        for name, value in _SHARED_HEADERS.items():
            response.headers.setdefault(name, value)  # the app has a policy of its own
        response.headers.update(_origin_headers(settings, is_question=request.endpoint in questions))
        response.headers["X-Request-ID"] = g.get("request_id", "")
        route = request.endpoint or "none"
        if "stages" in g:
            metrics.add_stages(g.stages)
        if "decision" in g:
            metrics.add_decision(g.decision)
        metrics.add_request(
            route=route,
            method=request.method if request.url_rule else "any",
            status=response.status_code,
            seconds=seconds,
            received_bytes=request.content_length or 0,
        )
        _LOG.info(
            "request",
            extra={
                "request_id": g.get("request_id"),
                "route": route,
                "method": request.method[:10],
                "status": response.status_code,
                "ms": round(1000 * seconds, 1),
            },
        )
        return response


def _origin_headers(settings: Settings, *, is_question: bool) -> dict[str, str]:
    """Return the CORS headers: any origin for public files, the configured origin for questions."""
    if not is_question:
        return _FOR_ALL_PAGES
    if not settings.allow_origin:
        return {}
    return {
        "Access-Control-Allow-Origin": settings.allow_origin,
        "Access-Control-Allow-Headers": "Content-Type, X-Request-ID, Range, If-Range, If-None-Match",
        "Access-Control-Expose-Headers": "X-Request-ID, Retry-After",
        "Vary": "Origin",
    }
