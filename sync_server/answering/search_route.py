"""`POST /v1/search`: the references nearest to a text, an embedding or an image."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flask import Response

from edge_identify.edge_runtime.search.filtering import namespaces_named_in
from edge_identify.sync_server.answering.answer_document import answer_document
from edge_identify.sync_server.answering.asked_packs import AskedPacks, asked_packs
from edge_identify.sync_server.answering.engine_problems import record_stages, unit_vector
from edge_identify.sync_server.answering.pack_engine import NamedPhoto
from edge_identify.sync_server.answering.request_fields import (
    FILE,
    FORM_FILTERS,
    JSON_FILTERS,
    LIMIT,
    PACK,
    TEXT,
    form_filters,
    json_filters,
)
from edge_identify.sync_server.contract.collection_kinds import Vector
from edge_identify.sync_server.contract.json_responses import json_response
from edge_identify.sync_server.contract.openapi_components import component
from edge_identify.sync_server.contract.operation import (
    JSON,
    MULTIPART,
    Body,
    Operation,
    RequestField,
    ResponseSpec,
    Route,
)
from edge_identify.sync_server.contract.problem_kinds import INVALID, ProblemError
from edge_identify.sync_server.contract.value_kinds import Text, Truth

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification
    from edge_identify.sync_server.answering.engine_pool import EnginePool
    from edge_identify.sync_server.answering.pack_engine import PackEngine
    from edge_identify.sync_server.contract.request_values import RequestValues
    from edge_identify.sync_server.delivery.image_urls import ImageUrls

SEARCH = Operation(
    id="search",
    method="POST",
    path="/v1/search",
    tag="identify",
    summary="Find references by text, embedding or image.",
    about="Send JSON with `text`, JSON with `embedding` and `embedding_space`, or a form with an image file. A text is "
    "looked for in ids, names, labels, namespaces and attributes, typing errors allowed, and by the text encoder. "
    "`why` says why a reference matches. A text that nothing answers has no matches and a `note`.",
    bodies=(
        Body(
            content_type=JSON,
            fields=(
                TEXT,
                RequestField(name="embedding", about="A vector, as /v1/embed/... returns it.", kind=Vector()),
                RequestField(
                    name="embedding_space",
                    about="The embedding space of `embedding`. Must be the pack's embedding space.",
                    kind=Text(),
                ),
                LIMIT,
                PACK,
                *JSON_FILTERS,
                RequestField(
                    name="auto_namespace", about="Search only the namespaces whose names are in `text`.", kind=Truth()
                ),
            ),
            either=(("text",), ("embedding", "embedding_space")),
        ),
        Body(content_type=MULTIPART, fields=(FILE, LIMIT, PACK, *FORM_FILTERS)),
    ),
    responses=(ResponseSpec(about="The nearest references, best first.", schema=component("Identification")),),
)


def search_route(pool: EnginePool, image_urls: ImageUrls) -> Route:
    """Return the route.

    Args:
        pool: The open packs.
        image_urls: Gives the image URLs.
    """
    return Route(operation=SEARCH, handler=lambda values: _search(pool, values, image_urls))


def _search(pool: EnginePool, values: RequestValues, image_urls: ImageUrls) -> Response:
    by = _by_image if values.has("file") else _in_packs_by_text if values.has("text") else _in_packs_by_vector
    with asked_packs(pool, values.optional_text("pack")) as packs:
        found, engine = by(packs, values)
        return json_response(answer_document(record_stages(found), engine, image_urls))


def _by_image(packs: AskedPacks, values: RequestValues) -> tuple[Identification, PackEngine]:
    photo = values.image("file")
    named = NamedPhoto(name=photo.name, data=photo.data)
    return packs.identify(named, top_k=values.integer("limit"), filters=form_filters(values))


def _in_packs_by_text(packs: AskedPacks, values: RequestValues) -> tuple[Identification, PackEngine]:
    return packs.search(
        lambda engine: _by_text(engine, values),
        filters=json_filters(values),
    )


def _in_packs_by_vector(packs: AskedPacks, values: RequestValues) -> tuple[Identification, PackEngine]:
    space = values.text("embedding_space")
    return packs.search(
        lambda engine: _by_vector(engine, values),
        filters=json_filters(values),
        fits=lambda engine: engine.manifest.model.space_id == space,
        lacking="`embedding_space` is that of none of the packs; vectors of different spaces cannot be compared",
    )


def _by_text(engine: PackEngine, values: RequestValues) -> Identification:
    text, filters = values.text("text"), json_filters(values)
    named = () if filters.namespaces else namespaces_named_in(text, engine.references.namespaces())
    if values.truth("auto_namespace") and named:
        filters, named = replace(filters, namespaces=named), ()
    found = engine.search_text(text, top_k=values.integer("limit"), filters=filters)
    return replace(found, suggested_namespaces=named)


def _by_vector(engine: PackEngine, values: RequestValues) -> Identification:
    space = engine.manifest.model.space_id
    if values.text("embedding_space") != space:
        raise ProblemError(
            INVALID,
            f"`embedding_space` differs from that of pack {engine.manifest.name}, {space}; vectors of different "
            "spaces cannot be compared",
        )
    vector = unit_vector(values.vector("embedding"), engine)
    return engine.search_vector(vector, top_k=values.integer("limit"), filters=json_filters(values))
