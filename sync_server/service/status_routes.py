"""Health, readiness, metrics and documentation routes.

`/livez` does not depend on packs: otherwise an orchestrator would restart the container again and again after somebody
publishes a damaged pack. `/readyz` says whether the server can answer: a balancer that took every server away for one
damaged pack of many would end the answers of the others, too. `/health` describes both in JSON.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Response, request

from edge_identify import __version__
from edge_identify.edge_runtime.errors import EdgeIdentifyError, PackNotFoundError
from edge_identify.edge_runtime.io.json_fields import canonical_json
from edge_identify.sync_server.contract.documentation_page import documentation_page
from edge_identify.sync_server.contract.json_responses import json_response
from edge_identify.sync_server.contract.openapi import openapi_document
from edge_identify.sync_server.contract.operation import JSON, Operation, ResponseSpec, Route
from edge_identify.sync_server.contract.problem_kinds import DOCS_PATH, UNAVAILABLE, ProblemError
from edge_identify.sync_server.contract.server_address import server_address
from edge_identify.sync_server.delivery.tree_routes import HTML
from edge_identify.sync_server.delivery.web_app_routes import APP_PATH
from edge_identify.sync_server.publishing.cache_control import REVALIDATE
from edge_identify.sync_server.publishing.folder_tree import FolderTree, read_listing
from edge_identify.sync_server.publishing.signing.root_fingerprint import served_fingerprint
from edge_identify.sync_server.publishing.signing.signature_health import SignatureHealth, signature_health
from edge_identify.sync_server.service.front_page import front_page

if TYPE_CHECKING:
    from edge_identify.sync_server.answering.engine_pool import EnginePool
    from edge_identify.sync_server.service.metrics import ServiceMetrics

_LOG = logging.getLogger(__name__)
_OPENAPI_PATH = "/openapi.json"
_MOST_ADDRESSES = 4  # of a server: a name, numbers, a proxy; clients can send any other in `Host`


def _object(**properties: str) -> dict[str, Any]:
    """Return the JSON Schema of an object. All fields are required."""
    return {
        "type": "object",
        "required": list(properties),
        "properties": {name: {"type": kind} for name, kind in properties.items()},
    }


INFORMATION = Operation(
    id="information",
    method="GET",
    path="/",
    tag="operation",
    summary="The service's name, version and packs; for a browser, a page with the packs and how to use them.",
    responses=(
        ResponseSpec(
            about="The service and its packs.",
            schema=_object(service="string", version="string", status="string", packs="array", documentation="string"),
        ),
        ResponseSpec(about="The page for browsers.", content_type="text/html"),
    ),
)
HEALTH = Operation(
    id="health",
    method="GET",
    path="/health",
    tag="operation",
    summary="Whether a model is loaded, its device, and whether the signatures expire soon.",
    responses=(
        ResponseSpec(
            about="The state of the service.",
            schema=_object(
                status="string",
                model_loaded="boolean",
                device="string",
                packs="integer",
                signatures="string",
                version="string",
            ),
        ),
    ),
)
LIVE = Operation(
    id="livez", method="GET", path="/livez", tag="operation", summary="Whether the process responds (liveness).",
    responses=(ResponseSpec(about="It responds.", schema=_object(status="string")),),
)  # fmt: skip
READY = Operation(
    id="readyz", method="GET", path="/readyz", tag="operation",
    summary="Whether the service can answer (readiness): 503 if no pack answers, or the default pack does not.",
    responses=(ResponseSpec(about="It is ready.", schema=_object(status="string", signatures="string")),),
)  # fmt: skip
METRICS = Operation(
    id="metrics", method="GET", path="/metrics", tag="operation",
    summary="Prometheus metrics: request and stage latencies, packs, memory.",
    responses=(ResponseSpec(about="Prometheus text format.", content_type="text/plain"),),
)  # fmt: skip
OPENAPI = Operation(
    id="openapi", method="GET", path=_OPENAPI_PATH, tag="operation", summary="The OpenAPI 3.1 document.",
    responses=(ResponseSpec(about="The document.", schema={"type": "object"}),),
)  # fmt: skip
DOCS = Operation(
    id="docs", method="GET", path=DOCS_PATH, tag="operation", summary="The documentation as an HTML page.",
    responses=(ResponseSpec(about="The page.", content_type="text/html"),),
)  # fmt: skip


def status_routes(
    repo: Path | None, pool: EnginePool | None, metrics: ServiceMetrics, operations: Callable[[], Sequence[Operation]]
) -> list[Route]:
    """Return the routes.

    Args:
        repo: The published tree; None for none.
        pool: The open packs; None if the service only delivers.
        metrics: The metrics of the service.
        operations: Returns all operations of the service, with those of these routes.
    """
    openapi = cache(lambda: canonical_json(openapi_document(operations())))
    page = lru_cache(_MOST_ADDRESSES)(lambda address: documentation_page(operations(), address=address))
    return [
        Route(operation=INFORMATION, handler=lambda _: _information(repo, pool)),
        Route(operation=HEALTH, handler=lambda _: _health(repo, pool)),
        Route(operation=LIVE, handler=lambda _: json_response({"status": "ok"})),
        Route(operation=READY, handler=lambda _: _ready(pool, repo)),
        Route(operation=METRICS, handler=lambda _: _metrics(repo, pool, metrics)),
        Route(operation=OPENAPI, handler=lambda _: Response(openapi(), content_type=JSON)),
        Route(operation=DOCS, handler=lambda _: Response(page(server_address()), content_type=HTML)),
    ]


def _information(repo: Path | None, pool: EnginePool | None) -> Response:
    # Browsers accept text/html by name; programs send */* or nothing.
    if "text/html" in request.headers.get("Accept", "").lower():
        response = _front_page(repo, pool)
    else:
        response = json_response(
            {
                "service": "edge-identify",
                "version": __version__,
                "status": "ok",
                "packs": list(pool.names()) if pool else [],
                "default_pack": pool.default_pack if pool else None,
                "documentation": DOCS_PATH,
                "openapi": _OPENAPI_PATH,
                "health": HEALTH.path,
            }
        )
    response.vary.add("Accept")
    return response


def _front_page(repo: Path | None, pool: EnginePool | None) -> Response:
    page = front_page(
        None if repo is None else read_listing(repo).packs,
        pool.names() if pool else (),
        default_pack=pool.default_pack if pool else None,
        address=server_address(),
        links={
            "Web app": f"{APP_PATH}/",
            "Documentation of the HTTP service": DOCS_PATH,
            "openapi.json": _OPENAPI_PATH,
            "health": HEALTH.path,
        },
        fingerprint=None if repo is None else served_fingerprint(FolderTree(repo)),
    )
    response = Response(page, content_type=HTML)
    response.headers["Cache-Control"] = REVALIDATE
    return response


def _health(repo: Path | None, pool: EnginePool | None) -> Response:
    published = read_listing(repo).packs if repo is not None else {}
    names = pool.names() if pool else ()
    return json_response(
        {
            "status": "ok",
            "model_loaded": bool(names),
            "device": _device(pool, names),
            "packs": len({*published, *names}),
            "signatures": _health_of(repo).state(datetime.now(UTC)),
            "version": __version__,
        }
    )


def _device(pool: EnginePool | None, names: Sequence[str]) -> str:
    if pool is None or not names:
        return "none"
    with pool.borrow(names[0]) as engine:
        return engine.device


def _ready(pool: EnginePool | None, repo: Path | None = None) -> Response:
    if pool is not None and not pool.has_looked:
        raise ProblemError(UNAVAILABLE, "the packs are being opened", retry_after_s=1)
    if pool is not None and (pool.refused or pool.cannot_list) and not pool.names():
        raise ProblemError(UNAVAILABLE, "no pack could be opened; see the server's log")
    if pool is not None:
        names = pool.names()
        failing = [name for name in names if not _answers(pool, name)]
        if pool.default_pack in failing or (failing and len(failing) == len(names)):
            raise ProblemError(UNAVAILABLE, f"not answering: {', '.join(failing)}; see the server's log")
    return json_response({"status": "ok", "signatures": _health_of(repo).state(datetime.now(UTC))})


def _health_of(repo: Path | None) -> SignatureHealth:
    """Return when the signatures of the served tree expire; nothing for a service without a tree."""
    return SignatureHealth() if repo is None else signature_health(FolderTree(repo))


def _answers(pool: EnginePool, name: str) -> bool:
    try:
        with pool.borrow(name) as engine:
            engine.check(encodes=False)
    except PackNotFoundError:
        pass  # withdrawn a moment ago
    except EdgeIdentifyError as error:
        _LOG.warning("a pack does not answer", extra={"pack": name, "reason": str(error)})
        return False
    return True


def _metrics(repo: Path | None, pool: EnginePool | None, metrics: ServiceMetrics) -> Response:
    metrics.set_signatures(_health_of(repo).expires_utc)
    text, content_type = metrics.as_text(packs=len(pool.names()) if pool else 0)
    return Response(text, content_type=content_type)
