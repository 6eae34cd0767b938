"""`POST /v1/identify`: name what a photo shows. The answer is the JSON of `edge-identify --jsonl`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flask import Response

from edge_identify.edge_runtime.photos.position import MAX_ACCURACY_M, Position
from edge_identify.edge_runtime.search.geometry.cascade import GeometryMode
from edge_identify.sync_server.answering.answer_document import answer_document
from edge_identify.sync_server.answering.asked_packs import asked_packs
from edge_identify.sync_server.answering.engine_problems import record_stages
from edge_identify.sync_server.answering.pack_engine import NamedPhoto, position_of
from edge_identify.sync_server.answering.request_fields import FILE, FORM_FILTERS, PACK, TOP_K, form_filters
from edge_identify.sync_server.contract.json_responses import json_response
from edge_identify.sync_server.contract.openapi_components import component
from edge_identify.sync_server.contract.operation import (
    MULTIPART,
    Body,
    Operation,
    RequestField,
    ResponseSpec,
    Route,
)
from edge_identify.sync_server.contract.problem_kinds import UNUSABLE_IMAGE, ProblemError
from edge_identify.sync_server.contract.value_kinds import Choice, Coordinates, ImageFiles, Number, Truth

if TYPE_CHECKING:
    from edge_identify.sync_server.answering.engine_pool import EnginePool
    from edge_identify.sync_server.contract.request_values import RequestValues, Upload
    from edge_identify.sync_server.delivery.image_urls import ImageUrls

_GEOMETRY = Choice(
    words=tuple(GeometryMode),
    older={
        "true": GeometryMode.ALWAYS,
        "1": GeometryMode.ALWAYS,
        "false": GeometryMode.NEVER,
        "0": GeometryMode.NEVER,
    },
)

IDENTIFY = Operation(
    id="identify",
    method="POST",
    path="/v1/identify",
    tag="identify",
    summary="Name what a photo shows.",
    about="The response is the JSON of `edge-identify photo.jpg --jsonl`. `decision` is `identified` (the photo shows "
    "the first match), `probably` (the same with the probability `confidence`; a person should check), `ambiguous` "
    "(one of `look_alikes`), `unknown` (the matches are only the nearest), or null for a pack without calibration. "
    "Several photos give one answer, as with `--same-thing`; `left_out` lists the photos that could not be used. Each "
    "match also has `image_url`, the address of its image. The server does not store photos.",
    bodies=(
        Body(
            content_type=MULTIPART,
            fields=(
                replace(FILE, kind=ImageFiles(), about=f"{FILE.about} Repeatable: several photos of the same thing."),
                TOP_K,
                PACK,
                *FORM_FILTERS,
                RequestField(
                    name="verify_geometry",
                    about="Compare local features of the photo with those of the ten most similar references. `auto`: "
                    "if similarity alone does not identify the photo, and the pack was calibrated for it. `always`: "
                    "also with packs that have thumbnails only. `never`: only similarity. Older clients send `true` "
                    "or `1` for `always`, `false` or `0` for `never`.",
                    kind=_GEOMETRY,
                    default=GeometryMode.AUTO.value,
                ),
                RequestField(
                    name="near",
                    about="Where the photo was taken: latitude,longitude in degrees. Overrides its EXIF position.",
                    kind=Coordinates(),
                ),
                RequestField(
                    name="accuracy",
                    about="Accuracy of `near` in metres.",
                    kind=Number(above=0, most=MAX_ACCURACY_M),
                ),
                RequestField(name="no_location", about="Ignore all positions, EXIF too.", kind=Truth()),
            ),
            needs={"accuracy": "near"},
        ),
    ),
    responses=(ResponseSpec(about="Matches and decision.", schema=component("Identification")),),
)


def identify_route(pool: EnginePool, image_urls: ImageUrls) -> Route:
    """Return the route.

    Args:
        pool: The open packs.
        image_urls: Gives the image URLs.
    """
    return Route(operation=IDENTIFY, handler=lambda values: _identify(pool, values, image_urls))


def _identify(pool: EnginePool, values: RequestValues, image_urls: ImageUrls) -> Response:
    photos, filters = values.images("file"), form_filters(values)
    if len(photos) > 1:
        return _identify_together(pool, values, image_urls)
    (photo,) = photos
    named = NamedPhoto(name=photo.name, data=photo.data, position=_position(values, photo))
    with asked_packs(pool, values.optional_text("pack")) as packs:
        found, engine = packs.identify(
            named,
            top_k=values.integer("top_k"),
            filters=filters,
            geometry=GeometryMode(values.text("verify_geometry")),
        )
        return json_response(answer_document(record_stages(found), engine, image_urls))


def _identify_together(pool: EnginePool, values: RequestValues, image_urls: ImageUrls) -> Response:
    sent = values.images("file")
    photos = [NamedPhoto(name=one.name, data=one.data, position=_position(values, one)) for one in sent]
    with asked_packs(pool, values.optional_text("pack")) as packs:
        answer, problems = packs.identify_together(
            photos,
            top_k=values.integer("top_k"),
            filters=form_filters(values),
            geometry=GeometryMode(values.text("verify_geometry")),
        )
        if answer is None:
            raise ProblemError(UNUSABLE_IMAGE, "; ".join(map(str, problems.values())))
        found, engine = answer
        document = answer_document(record_stages(found), engine, image_urls)
    left_out = [{"photo": photos[at].name, "error": str(error)} for at, error in problems.items()]
    return json_response(document | ({"left_out": left_out} if left_out else {}))


def _position(values: RequestValues, photo: Upload) -> Position | None:
    """Return where a photo was taken, by the rules of `edge-identify`."""
    near, accuracy = values.coordinates("near"), values.number("accuracy")
    if values.truth("no_location"):
        return None
    if near is not None:
        return Position(latitude=near[0], longitude=near[1], accuracy_m=accuracy, source="given")
    return position_of(photo.data)
