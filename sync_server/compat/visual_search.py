"""`POST /visual-search/` of the visual search: products by image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response

from edge_identify.sync_server.answering.asked_packs import asked_packs
from edge_identify.sync_server.answering.engine_problems import record_stages
from edge_identify.sync_server.answering.pack_engine import NamedPhoto
from edge_identify.sync_server.answering.request_fields import FILE, PACK
from edge_identify.sync_server.compat.shared_parts import COUNT, TAG, list_schema, object_schema
from edge_identify.sync_server.contract.json_responses import json_response
from edge_identify.sync_server.contract.operation import (
    MULTIPART,
    Body,
    Operation,
    RequestField,
    ResponseSpec,
    Route,
)

if TYPE_CHECKING:
    from edge_identify.sync_server.answering.engine_pool import EnginePool
    from edge_identify.sync_server.contract.request_values import RequestValues

VISUAL_SEARCH = Operation(
    id="drop-in-visual-search",
    method="POST",
    path="/visual-search/",
    tag=TAG,
    summary="Visual search: products by image.",
    about="`scores` are cosine similarities, in the order of `results`. A pack that was calibrated for it compares "
    "local features where similarity alone does not identify the product: products whose features agree come first, "
    "and `scores` need not fall.",
    in_query=(RequestField(name="top_k", about="Maximum number of products.", kind=COUNT, default=5), PACK),
    bodies=(Body(content_type=MULTIPART, fields=(FILE,), is_strict=False),),
    responses=(
        ResponseSpec(
            about="Products, best first.",
            schema=object_schema(
                results=list_schema(
                    object_schema(id={"type": "string"}, product_id={"type": "string"}, name={"type": "string"})
                ),
                scores=list_schema({"type": "number"}),
            ),
        ),
    ),
)


def visual_search_route(pool: EnginePool) -> Route:
    """Return the route."""
    return Route(operation=VISUAL_SEARCH, handler=lambda values: _visual_search(pool, values))


def _visual_search(pool: EnginePool, values: RequestValues) -> Response:
    photo = values.image("file")
    with asked_packs(pool, values.optional_text("pack")) as packs:
        found, _ = packs.identify(NamedPhoto(name=photo.name, data=photo.data), top_k=values.integer("top_k"))
        record_stages(found)
    results = [
        {
            "id": match.reference.id,
            "product_id": match.reference.attributes.get("product_id", match.reference.id),
            "name": match.reference.name,
        }
        for match in found.matches
    ]
    return json_response({"results": results, "scores": [round(match.score, 6) for match in found.matches]})
