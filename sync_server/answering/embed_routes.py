"""`POST /v1/embed/image` and `/v1/embed/text`: unit vectors in the pack's embedding space."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flask import Response

from edge_identify.sync_server.answering.asked_packs import asked_packs
from edge_identify.sync_server.answering.engine_problems import record_stages
from edge_identify.sync_server.answering.pack_routes import model_name, pack_named
from edge_identify.sync_server.answering.request_fields import FILE, PACK_OF_SPACE, TEXT
from edge_identify.sync_server.contract.json_responses import json_response
from edge_identify.sync_server.contract.openapi_components import component
from edge_identify.sync_server.contract.operation import JSON, MULTIPART, Body, Operation, ResponseSpec, Route

if TYPE_CHECKING:
    from edge_identify.sync_server.answering.engine_pool import EnginePool
    from edge_identify.sync_server.answering.pack_engine import PackEngine, TimedEmbedding
    from edge_identify.sync_server.contract.request_values import RequestValues

_RESPONSES = (ResponseSpec(about="The vector and its embedding space.", schema=component("Embedding")),)

EMBED_IMAGE = Operation(
    id="embed-image",
    method="POST",
    path="/v1/embed/image",
    tag="embed",
    summary="The unit vector of an image.",
    about="Computed in the same way as the vectors of the pack's reference images.",
    bodies=(Body(content_type=MULTIPART, fields=(FILE, PACK_OF_SPACE)),),
    responses=_RESPONSES,
)

EMBED_TEXT = Operation(
    id="embed-text",
    method="POST",
    path="/v1/embed/text",
    tag="embed",
    summary="The unit vector of a text.",
    bodies=(Body(content_type=JSON, fields=(replace(TEXT, is_required=True), PACK_OF_SPACE)),),
    responses=_RESPONSES,
)


def embed_routes(pool: EnginePool) -> list[Route]:
    """Return the routes over the open packs of a pool."""
    return [
        Route(operation=EMBED_IMAGE, handler=lambda values: _embed_image(pool, values)),
        Route(operation=EMBED_TEXT, handler=lambda values: _embed_text(pool, values)),
    ]


def _embed_image(pool: EnginePool, values: RequestValues) -> Response:
    image = values.image("file")
    with asked_packs(pool, values.optional_text("pack")) as packs:
        engine = packs.one_space()
        return _embedding(engine, record_stages(engine.embed_image(image.data, name=image.name)))


def _embed_text(pool: EnginePool, values: RequestValues) -> Response:
    with asked_packs(pool, values.optional_text("pack")) as packs:
        engine = packs.one_space()
        return _embedding(engine, record_stages(engine.embed_text(values.text("text"))))


def _embedding(engine: PackEngine, embedded: TimedEmbedding) -> Response:
    return json_response(
        {
            "embedding": embedded.vector.tolist(),
            "dim": len(embedded.vector),
            "model": model_name(engine),
            "embedding_space": engine.manifest.model.space_id,
            "encoder": engine.variant_name,
            "pack": pack_named(engine),
            "device": engine.device,
        }
    )
