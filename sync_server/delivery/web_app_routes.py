"""The field app at `/app/`: a web page that installs packs and identifies photos without a network.

The browser asks again for each file (`no-cache`), which the ETag makes cheap. It does so only when its service worker
looks for a new version: after the first visit the app comes from the phone.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Response, request

from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.sync_server.contract.operation import Operation, RequestField, ResponseSpec, Route
from edge_identify.sync_server.contract.problem_kinds import NOT_FOUND, PRECONDITION, RANGE, ProblemError
from edge_identify.sync_server.contract.value_kinds import Text
from edge_identify.sync_server.delivery.file_responses import Content, send
from edge_identify.sync_server.delivery.web_app_files import PAGE
from edge_identify.sync_server.publishing.cache_control import REVALIDATE

if TYPE_CHECKING:
    from edge_identify.sync_server.contract.request_values import RequestValues
    from edge_identify.sync_server.delivery.web_app_files import AppFile, WebApp

APP_PATH = "/app"

APP = Operation(
    id="app",
    method="GET",
    path=APP_PATH,
    tag="app",
    summary="Leads to the field app.",
    responses=(ResponseSpec(about="The app is at `/app/`.", content_type="text/html", status=308),),
)
APP_PAGE = Operation(
    id="app-page",
    method="GET",
    path=f"{APP_PATH}/",
    tag="app",
    summary="The field app: a page that installs packs and identifies photos on the device.",
    responses=(ResponseSpec(about="The page.", content_type="text/html"),),
    problems=(RANGE, PRECONDITION),
)
APP_FILE = Operation(
    id="app-file",
    method="GET",
    path=f"{APP_PATH}/{{file}}",
    tag="app",
    summary="A file of the field app.",
    in_path=(RequestField(name="file", about="The file's path.", kind=Text(), is_required=True),),
    responses=(ResponseSpec(about="The file.", content_type="*/*"),),
    problems=(RANGE, PRECONDITION),
)


def web_app_routes(app: Callable[[], WebApp]) -> list[Route]:
    """Return the routes of the app.

    Args:
        app: Returns the app. It is called at the first request, since reading all files takes a moment.
    """
    return [
        Route(operation=APP, handler=lambda _: Response(status=308, headers={"Location": f"{APP_PATH}/"})),
        Route(operation=APP_PAGE, handler=lambda _: _sent(app(), PAGE)),
        Route(operation=APP_FILE, handler=lambda values: _named(app(), values)),
    ]


def _named(app: WebApp, values: RequestValues) -> Response:
    name = values.text("file")
    if name not in app.files:
        raise ProblemError(NOT_FOUND, "the app has no such file")
    return _sent(app, name)


def _sent(app: WebApp, name: str) -> Response:
    file = app.files[name]
    coding = _coding(file)
    data = file.data if coding is None else file.encoded[coding]
    content = Content(
        file=io.BytesIO(data),
        length_bytes=len(data),
        sha256=sha256_of_bytes(data),
        content_type=file.content_type,
        cache_control=REVALIDATE,
    )
    response = send(content, request)
    response.vary.add("Accept-Encoding")
    if coding is not None and response.status_code < 400:
        response.headers["Content-Encoding"] = coding
    response.headers["Content-Security-Policy"] = f"{app.policy}; frame-ancestors 'none'"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return response


def _coding(file: AppFile) -> str | None:
    """Return the content coding to send: the best that the client accepts; None for the plain file."""
    if "Range" in request.headers:  # pieces of a plain file only
        return None
    return next((coding for coding in file.encoded if request.accept_encodings[coding] > 0), None)
