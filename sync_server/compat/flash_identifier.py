"""`POST /identify` of the flash identifier: street mosaics that resemble a photo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response

from edge_identify.sync_server.answering.asked_packs import asked_packs
from edge_identify.sync_server.answering.engine_problems import record_stages
from edge_identify.sync_server.answering.pack_engine import NamedPhoto, position_of
from edge_identify.sync_server.answering.request_fields import FILE, PACK
from edge_identify.sync_server.compat.shared_parts import (
    COUNT,
    OPTIONAL_TEXT,
    TAG,
    list_schema,
    match_image_url,
    object_schema,
)
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
    from edge_identify.edge_runtime.answers.identification import Match
    from edge_identify.sync_server.answering.engine_pool import EnginePool
    from edge_identify.sync_server.contract.request_values import RequestValues
    from edge_identify.sync_server.delivery.image_urls import ImageUrls

_MATCHES = list_schema(
    object_schema(
        flash_id={"type": "string"},
        flash_name={"type": "string"},
        similarity={"type": "number"},
        confidence={"type": "number"},
        location={"anyOf": [{"type": "null"}, object_schema(lat={"type": "number"}, lng={"type": "number"})]},
        image_url=OPTIONAL_TEXT,
    )
)

IDENTIFY = Operation(
    id="drop-in-identify",
    method="POST",
    path="/identify",
    tag=TAG,
    summary="Flash identifier: mosaics that resemble a photo.",
    about="`confidence` is the calibrated probability that the photo shows the mosaic. In a pack without calibration "
    "it is the similarity. There is no decision: the response has the matches of every photo, also of one that "
    "`/v1/identify` calls `probably` or `unknown`. A pack that was calibrated for it compares local features where "
    "similarity alone does not identify the photo: the order is then that of `confidence`.",
    in_query=(PACK,),
    bodies=(
        Body(
            content_type=MULTIPART,
            fields=(FILE, RequestField(name="top_k", about="Maximum number of matches.", kind=COUNT, default=5)),
            is_strict=False,
        ),
    ),
    responses=(
        ResponseSpec(
            about="Matches, best first.",
            schema=object_schema(matches=_MATCHES, processing_time_ms={"type": "number", "minimum": 0}),
        ),
    ),
)


def flash_identifier_route(pool: EnginePool, image_urls: ImageUrls) -> Route:
    """Return the route."""
    return Route(operation=IDENTIFY, handler=lambda values: _identify(pool, values, image_urls))


def _identify(pool: EnginePool, values: RequestValues, image_urls: ImageUrls) -> Response:
    photo = values.image("file")
    named = NamedPhoto(name=photo.name, data=photo.data, position=position_of(photo.data))
    with asked_packs(pool, values.optional_text("pack")) as packs:
        found, engine = packs.identify(named, top_k=values.integer("top_k"))
        record_stages(found)
        matches = [_flash(match, match_image_url(match, engine, image_urls)) for match in found.matches]
    return json_response({"matches": matches, "processing_time_ms": round(1000 * found.seconds, 3)})


def _flash(match: Match, url: str | None) -> dict[str, Any]:
    reference = match.reference
    located = reference.latitude is not None and reference.longitude is not None
    return {
        "flash_id": reference.id,
        "flash_name": reference.name,
        "similarity": round(match.score, 6),
        "confidence": round(match.score if match.confidence is None else match.confidence, 6),
        "location": {"lat": reference.latitude, "lng": reference.longitude} if located else None,
        "image_url": url,
    }
