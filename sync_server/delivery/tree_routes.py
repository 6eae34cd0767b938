"""The published tree over HTTP: page, listing, manifests, blobs.

A static host can serve the same files. Safety: the server parses each pack name, version and hash before it makes a
path, so a request cannot leave the tree. Publishing while the server runs is safe.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Response, request

from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.pack.pack_names import PackVersion, checked_pack_name, checked_sha256
from edge_identify.edge_runtime.sync.listing import LISTING_NAME, PAGE_NAME, blob_path, manifest_path
from edge_identify.edge_runtime.sync.trust.metadata_layout import (
    METADATA_FILE,
    METADATA_FOLDER,
    TIMESTAMP_NAME,
    metadata_path,
)
from edge_identify.sync_server.contract.operation import (
    JSON,
    Operation,
    RequestField,
    ResponseSpec,
    Route,
)
from edge_identify.sync_server.contract.problem_kinds import NOT_FOUND, PRECONDITION, RANGE, ProblemError
from edge_identify.sync_server.contract.value_kinds import Text
from edge_identify.sync_server.delivery.file_responses import Content, send
from edge_identify.sync_server.delivery.smaller_documents import send_smaller
from edge_identify.sync_server.publishing.cache_control import IMMUTABLE, REVALIDATE

if TYPE_CHECKING:
    from edge_identify.sync_server.contract.request_values import RequestValues

HTML = "text/html; charset=utf-8"
_BYTES = "application/octet-stream"

PAGE = Operation(
    id="tree-page",
    method="GET",
    path=f"/{PAGE_NAME}",
    tag="delivery",
    summary="The HTML page that lists the packs.",
    responses=(ResponseSpec(about="The page.", content_type="text/html"),),
    problems=(RANGE, PRECONDITION),
)
LISTING = Operation(
    id="tree-listing",
    method="GET",
    path=f"/{LISTING_NAME}",
    tag="delivery",
    summary="The published packs and versions.",
    responses=(ResponseSpec(about="The listing."),),
    problems=(RANGE, PRECONDITION),
)
MANIFEST = Operation(
    id="tree-manifest",
    method="GET",
    path="/manifests/{name}/{version}.json",
    tag="delivery",
    summary="The manifest of a version. It never changes.",
    in_path=(
        RequestField(name="name", about="The pack's name.", kind=Text(), is_required=True),
        RequestField(name="version", about="The version, such as 1.2.0.", kind=Text(), is_required=True),
    ),
    responses=(ResponseSpec(about="The bytes of `pack.json`."),),
    problems=(RANGE, PRECONDITION),
)
BLOB = Operation(
    id="tree-blob",
    method="GET",
    path="/blobs/sha256/{prefix}/{sha256}",
    tag="delivery",
    summary="A file of a pack by its SHA-256. It never changes. Single ranges are supported.",
    in_path=(
        RequestField(name="prefix", about="The first two digits of the hash.", kind=Text(), is_required=True),
        RequestField(name="sha256", about="SHA-256, 64 hexadecimal digits.", kind=Text(), is_required=True),
    ),
    responses=(
        ResponseSpec(about="The file.", content_type=_BYTES),
        ResponseSpec(about="The requested range.", content_type=_BYTES, status=206),
    ),
    problems=(RANGE, PRECONDITION),
)
METADATA = Operation(
    id="tree-metadata",
    method="GET",
    path=f"/{METADATA_FOLDER}/{{file}}",
    tag="delivery",
    summary="Signed metadata (TUF). Only `timestamp.json` changes.",
    in_path=(RequestField(name="file", about="Such as 1.root.json.", kind=Text(), is_required=True),),
    responses=(ResponseSpec(about="The metadata."),),
    problems=(RANGE, PRECONDITION),
)


def tree_routes(repo: Path, *, x_accel_redirect: str = "") -> list[Route]:
    """Return the routes of a published tree. The tree may be empty.

    Args:
        repo: The tree.
        x_accel_redirect: Internal location of an nginx in front, which then sends the blobs; empty for none.
    """
    return [
        Route(operation=PAGE, handler=lambda _: page_of(repo)),
        Route(operation=LISTING, handler=lambda _: send_smaller(_json(repo / LISTING_NAME, REVALIDATE), request)),
        Route(operation=MANIFEST, handler=lambda values: _manifest(repo, values)),
        Route(operation=METADATA, handler=lambda values: _metadata(repo, values)),
        Route(operation=BLOB, handler=lambda values: _blob(repo, values, x_accel_redirect)),
    ]


def page_of(repo: Path) -> Response:
    """Return the HTML page that lists the packs."""
    return send(_document(repo / PAGE_NAME, HTML, REVALIDATE), request)


def _manifest(repo: Path, values: RequestValues) -> Response:
    try:
        path = manifest_path(checked_pack_name(values.text("name")), PackVersion.parse(values.text("version")))
    except PackFormatError as error:
        raise ProblemError(NOT_FOUND, str(error)) from error
    return send_smaller(_json(repo / path, IMMUTABLE), request)


def _metadata(repo: Path, values: RequestValues) -> Response:
    name = values.text("file")
    if METADATA_FILE.fullmatch(name) is None:
        raise ProblemError(NOT_FOUND, "no metadata file has this name")
    cache_control = REVALIDATE if name == TIMESTAMP_NAME else IMMUTABLE
    return send_smaller(_json(repo / metadata_path(name), cache_control), request)


def _blob(repo: Path, values: RequestValues, x_accel_redirect: str) -> Response:
    sha256 = values.text("sha256")
    try:
        path = blob_path(checked_sha256(sha256))
    except PackFormatError as error:
        raise ProblemError(NOT_FOUND, str(error)) from error
    if values.text("prefix") != sha256[:2]:
        raise ProblemError(NOT_FOUND, "the folder is not the first two digits of the hash")
    content = _file(repo / path, sha256)
    if x_accel_redirect:
        content.file.close()
        return _sent_by_nginx(x_accel_redirect + path.removeprefix("blobs/"))
    return send(content, request)


def _sent_by_nginx(internal_path: str) -> Response:
    """Return a response that has nginx send a blob in its place, ranges included. The path has a checked hash only."""
    response = Response(content_type=_BYTES)
    response.headers["X-Accel-Redirect"] = internal_path
    response.headers["Cache-Control"] = IMMUTABLE
    return response


def _json(path: Path, cache_control: str) -> Content:
    return _document(path, JSON, cache_control)


def _document(path: Path, content_type: str, cache_control: str) -> Content:
    """Read a small file whole, so that its ETag fits the sent bytes even if the file is replaced meanwhile."""
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise ProblemError(NOT_FOUND, "nothing is published there") from error
    return Content(
        file=io.BytesIO(data),
        length_bytes=len(data),
        sha256=sha256_of_bytes(data),
        content_type=content_type,
        cache_control=cache_control,
    )


def _file(path: Path, sha256: str) -> Content:
    try:
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise ProblemError(NOT_FOUND, "nothing is published there") from error
    return Content(
        file=file,
        length_bytes=os.fstat(file.fileno()).st_size,
        sha256=sha256,
        content_type=_BYTES,
        cache_control=IMMUTABLE,
    )
