"""`/v1/packs`: the open packs, their references and thumbnails; and image URLs for answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Response

from edge_identify.edge_runtime.answers.answer_json import picture_as_json, reference_as_json
from edge_identify.sync_server.answering.engine_problems import borrowed_engine
from edge_identify.sync_server.contract.json_responses import json_response
from edge_identify.sync_server.contract.openapi_components import component
from edge_identify.sync_server.contract.operation import Operation, RequestField, ResponseSpec, Route
from edge_identify.sync_server.contract.problem_kinds import NOT_FOUND, ProblemError
from edge_identify.sync_server.contract.server_address import address_in_answers
from edge_identify.sync_server.contract.value_kinds import Integer, Text
from edge_identify.sync_server.delivery.image_urls import RECORDED_ADDRESSES

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.references import Reference, ReferenceImageFacts
    from edge_identify.sync_server.answering.engine_pool import EnginePool
    from edge_identify.sync_server.answering.pack_engine import PackEngine
    from edge_identify.sync_server.contract.request_values import RequestValues
    from edge_identify.sync_server.delivery.image_urls import ImageUrls

_MAX_INDEX_ID = 2**53

_NAME = RequestField(name="name", about="The pack's name.", kind=Text(), is_required=True)

PACKS = Operation(
    id="packs",
    method="GET",
    path="/v1/packs",
    tag="packs",
    summary="The open packs.",
    responses=(
        ResponseSpec(
            about="All packs.",
            schema={
                "type": "object",
                "required": ["packs"],
                "properties": {"packs": {"type": "array", "items": component("Pack")}},
            },
        ),
    ),
)

ONE_PACK = Operation(
    id="pack",
    method="GET",
    path="/v1/packs/{name}",
    tag="packs",
    summary="One pack, with its namespaces and label keys.",
    in_path=(_NAME,),
    responses=(ResponseSpec(about="The pack.", schema=component("Pack")),),
)

REFERENCE = Operation(
    id="reference",
    method="GET",
    path="/v1/packs/{name}/references/{id}",
    tag="packs",
    summary="One reference, with the thumbnail paths of its images.",
    in_path=(_NAME, RequestField(name="id", about="The reference's id.", kind=Text(), is_required=True)),
    responses=(ResponseSpec(about="The reference.", schema=component("Reference")),),
    is_limited=True,  # the response may hold a signed URL
)

THUMBNAIL = Operation(
    id="thumbnail",
    method="GET",
    path="/v1/packs/{name}/thumbnails/{number}",
    tag="packs",
    summary="The thumbnail of a reference image.",
    in_path=(
        _NAME,
        RequestField(
            name="number",
            about="The number in a reference's `thumbnail` path.",
            kind=Integer(least=0, most=_MAX_INDEX_ID),
            is_required=True,
        ),
    ),
    responses=(ResponseSpec(about="The thumbnail.", content_type="image/webp"),),
)


def pack_routes(pool: EnginePool, image_urls: ImageUrls) -> list[Route]:
    """Return the routes.

    Args:
        pool: The open packs.
        image_urls: Gives the image URLs.
    """
    return [
        Route(operation=PACKS, handler=lambda _: _packs(pool)),
        Route(operation=ONE_PACK, handler=lambda values: _one_pack(pool, values)),
        Route(operation=REFERENCE, handler=lambda values: _reference(pool, values, image_urls)),
        Route(operation=THUMBNAIL, handler=lambda values: _thumbnail(pool, values)),
    ]


def model_name(engine: PackEngine) -> str:
    """Return the encoder's model and weights, `MODEL/WEIGHTS`."""
    model = engine.manifest.model
    return f"{model.name}/{model.pretrained}"


def pack_named(engine: PackEngine) -> dict[str, str]:
    """Return the `pack` object of responses: name and version."""
    return {"name": engine.manifest.name, "version": str(engine.manifest.version)}


def thumbnail_path(engine: PackEngine, index_id: int | None) -> str | None:
    """Return the path of an image's thumbnail on this server, or None."""
    if engine.thumbnails is None or index_id is None or engine.thumbnails.webp(index_id) is None:
        return None
    return THUMBNAIL.path.format(name=quote(engine.manifest.name), number=index_id)


def image_url(
    reference: Reference, index_id: int | None, picture: ReferenceImageFacts, engine: PackEngine, image_urls: ImageUrls
) -> str | None:
    """Return the URL of a reference image, or None. It is absolute, unless the request has a foreign `Host`.

    Args:
        reference: The reference.
        index_id: The image; None for no thumbnail.
        picture: The pack's facts about the image.
        engine: Engine of the pack.
        image_urls: Gives the image URLs.
    """
    path = thumbnail_path(engine, index_id)
    here = address_in_answers()
    return image_urls.of(reference, picture, None if path is None else here + path)


def public_attributes(reference: Reference, image_urls: ImageUrls) -> dict[str, str]:
    """Return the attributes for responses, without recorded image addresses if `image_urls` hides them."""
    left_out = () if image_urls.shows_recorded else RECORDED_ADDRESSES
    return {name: value for name, value in reference.attributes.items() if name not in left_out}


def _packs(pool: EnginePool) -> Response:
    described = []
    for name in pool.names():
        with borrowed_engine(pool, name) as engine:
            described.append(_described(engine))
    return json_response({"packs": described})


def _one_pack(pool: EnginePool, values: RequestValues) -> Response:
    with borrowed_engine(pool, values.text("name")) as engine:
        more = {"namespaces": engine.references.namespaces(), "label_kinds": engine.references.label_kinds()}
        return json_response(_described(engine) | more)


def _described(engine: PackEngine) -> dict[str, Any]:
    manifest = engine.manifest
    return {
        **pack_named(engine),
        "title": manifest.title,
        "references": manifest.reference_count,
        "pictures": manifest.index.count,
        "model": model_name(engine),
        "embedding_space": manifest.model.space_id,
        "dim": manifest.model.dim,
        "encoder": engine.variant_name,
        "device": engine.device,
        "decides": engine.decides,
        "answers_texts": engine.answers_texts,
        "has_thumbnails": engine.thumbnails is not None,
    }


def _reference(pool: EnginePool, values: RequestValues, image_urls: ImageUrls) -> Response:
    with borrowed_engine(pool, values.text("name")) as engine:
        images = engine.references.images_of(values.text("id"))
        if not images:
            raise ProblemError(NOT_FOUND, f"pack {engine.manifest.name} has no reference {values.text('id')!r}")
        reference = engine.references.reference(values.text("id"))
        facts = [engine.references.image_facts(one.index_id) for one in images]
        address = image_url(reference, images[0].index_id, facts[0], engine, image_urls)
        pictures = [
            {"sha256": one.sha256, "thumbnail": thumbnail_path(engine, one.index_id), **picture_as_json(known)}
            for one, known in zip(images, facts, strict=True)
        ]
        return json_response(
            {
                "pack": pack_named(engine),
                **reference_as_json(reference),
                "attributes": public_attributes(reference, image_urls),
                "image_url": address,
                "pictures": pictures,
            }
        )


def _thumbnail(pool: EnginePool, values: RequestValues) -> Response:
    with borrowed_engine(pool, values.text("name")) as engine:
        table, number = engine.thumbnails, values.integer("number")
        # `image` checks the size before it is sent: a browser would decode an image of any size.
        data = None if table is None or table.image(number) is None else table.webp(number)
    if data is None:
        raise ProblemError(NOT_FOUND, f"pack {values.text('name')} has no thumbnail {values.integer('number')}")
    response = Response(data, content_type="image/webp")
    response.headers["Cache-Control"] = "public, max-age=3600"  # a number is never used for another image
    return response
