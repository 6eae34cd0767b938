"""The HTTP service: the published tree and nothing else.

It adds nothing that a static host could not do, so a publisher may move to one at any time. A path reaches
the disk only as a pack's name, a version or a hash, each of which is parsed first; there is no joining of
paths that come from outside, and so nothing to climb out of. The tree may be published to while this runs.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

from flask import Flask, Response, abort, request
from werkzeug.exceptions import HTTPException

from edge_identify.edge_runtime import __version__
from edge_identify.edge_runtime.durable import sha256_of_bytes
from edge_identify.edge_runtime.errors import EdgeIdentifyError, PackFormatError
from edge_identify.edge_runtime.json_fields import canonical_json
from edge_identify.edge_runtime.listing import LISTING_NAME, PAGE_NAME, blob_path, manifest_path
from edge_identify.edge_runtime.pack.names import PackVersion, checked_pack_name, checked_sha256
from edge_identify.sync_server.problems import problem, problem_for
from edge_identify.sync_server.publish import read_listing
from edge_identify.sync_server.sending import IMMUTABLE, REVALIDATE, Content, send

_HTML = "text/html; charset=utf-8"
_JSON = "application/json"
_SHARED_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # Packs are public, and web clients on other origins fetch them.
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Range, If-Range, If-None-Match",
    "Access-Control-Expose-Headers": "ETag, Content-Range, Content-Length, Accept-Ranges",
    "Cross-Origin-Resource-Policy": "cross-origin",
    # The page needs its own style and nothing more, whatever a title may try.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


def create_app(repo: Path) -> Flask:
    """Return the service for one published tree.

    Args:
        repo: The tree that `publish` writes. It may still be empty.
    """
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # a doubled slash is a 404, not a redirect
    _add_tree(app, repo)
    _add_health(app, repo)
    app.register_error_handler(HTTPException, problem_for)
    app.register_error_handler(EdgeIdentifyError, _damaged)
    app.after_request(_with_shared_headers)
    return app


def _add_tree(app: Flask, repo: Path) -> None:
    @app.get("/")
    @app.get(f"/{PAGE_NAME}")
    def page() -> Response:
        return send(_document(repo / PAGE_NAME, _HTML, REVALIDATE), request)

    @app.get(f"/{LISTING_NAME}")
    def listing() -> Response:
        return send(_document(repo / LISTING_NAME, _JSON, REVALIDATE), request)

    @app.get("/manifests/<name>/<version>.json")
    def manifest(name: str, version: str) -> Response:
        try:
            path = manifest_path(checked_pack_name(name), PackVersion.parse(version))
        except PackFormatError as error:
            abort(404, str(error))
        return send(_document(repo / path, _JSON, IMMUTABLE), request)

    @app.get("/blobs/sha256/<prefix>/<sha256>")
    def blob(prefix: str, sha256: str) -> Response:
        try:
            path = blob_path(checked_sha256(sha256))
        except PackFormatError as error:
            abort(404, str(error))
        if prefix != sha256[:2]:
            abort(404, "the folder is not the beginning of the hash")
        return send(_blob(repo / path, sha256), request)


def _add_health(app: Flask, repo: Path) -> None:
    @app.get("/health")
    def health() -> Response:
        body = {"status": "ok", "packs": len(read_listing(repo).packs), "version": __version__}
        response = Response(canonical_json(body), content_type=_JSON)
        response.headers["Cache-Control"] = "no-store"
        return response


def _document(path: Path, content_type: str, cache_control: str) -> Content:
    """Read a small file whole: its ETag is then of the very bytes sent, even while it is being replaced."""
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        abort(404, "nothing is published there")
    return Content(
        file=io.BytesIO(data),
        length_bytes=len(data),
        sha256=sha256_of_bytes(data),
        content_type=content_type,
        cache_control=cache_control,
    )


def _blob(path: Path, sha256: str) -> Content:
    try:
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        abort(404, "nothing is published there")
    return Content(
        file=file,
        length_bytes=os.fstat(file.fileno()).st_size,
        sha256=sha256,
        content_type="application/octet-stream",
        cache_control=IMMUTABLE,
    )


def _damaged(error: EdgeIdentifyError) -> Response:
    return problem(503, "Service Unavailable", f"the published tree cannot be read: {type(error).__name__}")


def _with_shared_headers(response: Response) -> Response:
    response.headers.update(_SHARED_HEADERS)
    return response
