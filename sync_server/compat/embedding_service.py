"""`POST /embed-image` of the embedding service: the unit vector of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response

from edge_identify.sync_server.answering.asked_packs import asked_packs
from edge_identify.sync_server.answering.engine_problems import record_stages
from edge_identify.sync_server.answering.pack_routes import model_name
from edge_identify.sync_server.answering.request_fields import FILE, PACK_OF_SPACE
from edge_identify.sync_server.compat.shared_parts import TAG, list_schema, object_schema
from edge_identify.sync_server.contract.json_responses import json_response
from edge_identify.sync_server.contract.operation import MULTIPART, Body, Operation, ResponseSpec, Route

if TYPE_CHECKING:
    from edge_identify.sync_server.answering.engine_pool import EnginePool
    from edge_identify.sync_server.contract.request_values import RequestValues

EMBED_IMAGE = Operation(
    id="drop-in-embed-image",
    method="POST",
    path="/embed-image",
    tag=TAG,
    summary="Embedding service: the unit vector of an image.",
    in_query=(PACK_OF_SPACE,),
    bodies=(Body(content_type=MULTIPART, fields=(FILE,), is_strict=False),),
    responses=(
        ResponseSpec(
            about="The vector.",
            schema=object_schema(
                embedding=list_schema({"type": "number"}), model={"type": "string"}, device={"type": "string"}
            ),
        ),
    ),
)


def embedding_service_route(pool: EnginePool) -> Route:
    """Return the route."""
    return Route(operation=EMBED_IMAGE, handler=lambda values: _embed_image(pool, values))


def _embed_image(pool: EnginePool, values: RequestValues) -> Response:
    image = values.image("file")
    with asked_packs(pool, values.optional_text("pack")) as packs:
        engine = packs.one_space()
        vector = record_stages(engine.embed_image(image.data, name=image.name)).vector
        return json_response({"embedding": vector.tolist(), "model": model_name(engine), "device": engine.device})
