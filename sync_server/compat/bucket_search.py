"""`/api/demo_backend_v2/image_search/...` of the bucket search: images by text or by image.

`distance` is the L2 distance of unit vectors, sqrt(2 - 2 * cosine similarity): 0 for equal vectors, 2 for opposite
ones. An image that was found by words alone has the distance of unrelated vectors, sqrt(2).
"""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import TYPE_CHECKING, Any

from flask import Response

from edge_identify.edge_runtime.search.filtering import namespaces_named_in
from edge_identify.edge_runtime.search.geometry.cascade import GeometryMode
from edge_identify.sync_server.answering.asked_packs import asked_packs
from edge_identify.sync_server.answering.engine_problems import record_stages
from edge_identify.sync_server.answering.pack_engine import NamedPhoto
from edge_identify.sync_server.answering.request_fields import FILE, PACK
from edge_identify.sync_server.compat.shared_parts import (
    COUNT,
    DESCRIPTION,
    OPTIONAL_TEXT,
    TAG,
    list_schema,
    match_image_url,
    namespace_filter,
    object_schema,
)
from edge_identify.sync_server.contract.json_responses import json_response
from edge_identify.sync_server.contract.operation import (
    JSON,
    MULTIPART,
    Body,
    Operation,
    RequestField,
    ResponseSpec,
    Route,
)
from edge_identify.sync_server.contract.problem_kinds import MALFORMED
from edge_identify.sync_server.contract.value_kinds import Text

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification, Match
    from edge_identify.sync_server.answering.engine_pool import EnginePool
    from edge_identify.sync_server.answering.pack_engine import PackEngine
    from edge_identify.sync_server.contract.request_values import RequestValues
    from edge_identify.sync_server.delivery.image_urls import ImageUrls

_BASE = "/api/demo_backend_v2/image_search"
_K = RequestField(name="k", about="Maximum number of images.", kind=COUNT, default=5)
_IMAGES = list_schema(
    object_schema(
        distance={"type": "number", "minimum": 0, "maximum": 2.001},
        folder={"type": "string"},
        s3_path={"type": "string"},
        image_url=OPTIONAL_TEXT,
    )
)

SEARCH_BUCKET = Operation(
    id="drop-in-bucket-search",
    method="POST",
    path=f"{_BASE}/search",
    tag=TAG,
    summary="Bucket search: images by text. If the text names folders, only these are searched.",
    in_query=(PACK,),
    bodies=(
        Body(
            content_type=JSON,
            fields=(
                RequestField(name="query", about="A description.", kind=DESCRIPTION, is_required=True),
                _K,
                RequestField(name="folder", about="Search only this folder.", kind=Text()),
            ),
            is_strict=False,
        ),
    ),
    responses=(ResponseSpec(about="Images, nearest first.", schema=_IMAGES),),
    invalid=MALFORMED,
)
SEARCH_BUCKET_BY_IMAGE = Operation(
    id="drop-in-bucket-search-by-image",
    method="POST",
    path=f"{_BASE}/search_by_image",
    tag=TAG,
    summary="Bucket search: images by image.",
    in_query=(_K, PACK),
    bodies=(Body(content_type=MULTIPART, fields=(FILE,), is_strict=False),),
    responses=(ResponseSpec(about="Images, nearest first.", schema=_IMAGES),),
    invalid=MALFORMED,
)


def bucket_search_routes(pool: EnginePool, image_urls: ImageUrls) -> list[Route]:
    """Return both routes."""
    return [
        Route(operation=SEARCH_BUCKET, handler=lambda values: _search(pool, values, image_urls)),
        Route(operation=SEARCH_BUCKET_BY_IMAGE, handler=lambda values: _search_by_image(pool, values, image_urls)),
    ]


def _search(pool: EnginePool, values: RequestValues, image_urls: ImageUrls) -> Response:
    query, filters = values.text("query"), namespace_filter(values.optional_text("folder"))

    def ask(engine: PackEngine) -> Identification:
        named = () if filters else namespaces_named_in(query, engine.references.namespaces())
        chosen = replace(filters, namespaces=named) if named else filters
        return engine.search_text(query, top_k=values.integer("k"), filters=chosen)

    with asked_packs(pool, values.optional_text("pack")) as packs:
        found, engine = packs.search(ask, filters=filters)
        record_stages(found)
        # The contract is "nearest first". Matches by words alone have one distance, and stay in their order.
        nearest_first = sorted(found.matches, key=lambda match: -match.score)
        return json_response([_image(match, match_image_url(match, engine, image_urls)) for match in nearest_first])


def _search_by_image(pool: EnginePool, values: RequestValues, image_urls: ImageUrls) -> Response:
    photo = values.image("file")
    with asked_packs(pool, values.optional_text("pack")) as packs:
        found, engine = packs.identify(
            NamedPhoto(name=photo.name, data=photo.data),
            top_k=values.integer("k"),
            geometry=GeometryMode.NEVER,  # the contract is "nearest first"
        )
        record_stages(found)
        return json_response([_image(match, match_image_url(match, engine, image_urls)) for match in found.matches])


def _image(match: Match, url: str | None) -> dict[str, Any]:
    reference = match.reference
    in_folder = f"{reference.namespace}/{reference.id}" if reference.namespace else reference.id
    return {
        "distance": round(sqrt(max(0.0, 2 - 2 * match.score)), 6),
        "folder": reference.namespace,
        "s3_path": reference.attributes.get("s3_path", in_folder),
        "image_url": url,
    }
