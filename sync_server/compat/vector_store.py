"""`/api/v1/search` and `/api/v1/vectors/search` of the vector store: references by text or by vector.

A reference that was found by words alone has the score 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response

from edge_identify.edge_runtime.answers.answer_json import picture_as_json
from edge_identify.sync_server.answering.asked_packs import asked_packs
from edge_identify.sync_server.answering.engine_problems import record_stages, unit_vector
from edge_identify.sync_server.answering.pack_routes import public_attributes
from edge_identify.sync_server.answering.request_fields import PACK, PACK_OF_SPACE
from edge_identify.sync_server.compat.shared_parts import (
    COUNT,
    DESCRIPTION,
    TAG,
    list_schema,
    namespace_filter,
    object_schema,
)
from edge_identify.sync_server.contract.collection_kinds import Vector
from edge_identify.sync_server.contract.json_responses import json_response
from edge_identify.sync_server.contract.operation import JSON, Body, Operation, RequestField, ResponseSpec, Route
from edge_identify.sync_server.contract.value_kinds import Text

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Match
    from edge_identify.sync_server.answering.engine_pool import EnginePool
    from edge_identify.sync_server.contract.request_values import RequestValues
    from edge_identify.sync_server.delivery.image_urls import ImageUrls

_LIMIT = RequestField(name="limit", about="Maximum number of references.", kind=COUNT, default=10)
_NAMESPACE = RequestField(name="namespace", about="Search only this namespace.", kind=Text())
_RESPONSES = (
    ResponseSpec(
        about="References, best first.",
        schema=object_schema(
            results=list_schema(
                object_schema(
                    id={"type": "string"},
                    score={"type": "number"},
                    namespace={"type": "string"},
                    metadata={"type": "object"},
                )
            )
        ),
    ),
)

SEARCH_TEXT = Operation(
    id="drop-in-vector-store-search",
    method="POST",
    path="/api/v1/search",
    tag=TAG,
    summary="Vector store: references by text.",
    in_query=(PACK,),
    bodies=(
        Body(
            content_type=JSON,
            fields=(
                RequestField(name="text", about="A description.", kind=DESCRIPTION, is_required=True),
                _LIMIT,
                _NAMESPACE,
            ),
            is_strict=False,
        ),
    ),
    responses=_RESPONSES,
)
SEARCH_VECTORS = Operation(
    id="drop-in-vector-store-vectors",
    method="POST",
    path="/api/v1/vectors/search",
    tag=TAG,
    summary="Vector store: references by a vector of the pack's embedding space.",
    in_query=(PACK_OF_SPACE,),
    bodies=(
        Body(
            content_type=JSON,
            fields=(
                RequestField(name="embedding", about="A vector.", kind=Vector(), is_required=True),
                _LIMIT,
                _NAMESPACE,
            ),
            is_strict=False,
        ),
    ),
    responses=_RESPONSES,
)


def vector_store_routes(pool: EnginePool, image_urls: ImageUrls) -> list[Route]:
    """Return both routes."""
    return [
        Route(operation=SEARCH_TEXT, handler=lambda values: _search_text(pool, values, image_urls)),
        Route(operation=SEARCH_VECTORS, handler=lambda values: _search_vectors(pool, values, image_urls)),
    ]


def _search_text(pool: EnginePool, values: RequestValues, image_urls: ImageUrls) -> Response:
    filters = namespace_filter(values.optional_text("namespace"))
    with asked_packs(pool, values.optional_text("pack")) as packs:
        found, _ = packs.search(
            lambda engine: engine.search_text(values.text("text"), top_k=values.integer("limit"), filters=filters),
            filters=filters,
        )
        record_stages(found)
        return json_response({"results": [_entry(match, image_urls) for match in found.matches]})


def _search_vectors(pool: EnginePool, values: RequestValues, image_urls: ImageUrls) -> Response:
    filters = namespace_filter(values.optional_text("namespace"))
    with asked_packs(pool, values.optional_text("pack")) as packs:
        vector = unit_vector(values.vector("embedding"), packs.one_space())
        found, _ = packs.search(
            lambda engine: engine.search_vector(vector, top_k=values.integer("limit"), filters=filters),
            filters=filters,
        )
        record_stages(found)
        return json_response({"results": [_entry(match, image_urls) for match in found.matches]})


def _entry(match: Match, image_urls: ImageUrls) -> dict[str, Any]:
    """Return a reference as an entry of the vector store. Attributes take precedence over the image's facts."""
    reference, image = match.reference, picture_as_json(match.picture)
    metadata = {
        "type": "image",
        "filename": image["filename"],
        "path": image["path"],
        "extension": image["extension"],
        "label": None,
        **public_attributes(reference, image_urls),
        **reference.labels,
        "name": reference.name,
        "namespace": reference.namespace,
    }
    return {
        "id": reference.id,
        "score": round(match.score, 6),
        "namespace": reference.namespace,
        "metadata": metadata,
    }
