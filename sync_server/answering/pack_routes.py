"""What answers here, under `/v1/packs`: packs, their references and thumbnails; and where a picture is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Response, current_app, request

from edge_identify.edge_runtime.answers.answer_json import picture_as_json, reference_as_json
from edge_identify.sync_server.answering.engine_problems import asking
from edge_identify.sync_server.contract.json_responses import json_response
from edge_identify.sync_server.contract.openapi import component
from edge_identify.sync_server.contract.operation import Answer, Asked, Field, Operation, Route
from edge_identify.sync_server.contract.problem_kinds import NOT_FOUND, ProblemError
from edge_identify.sync_server.contract.value_kinds import Integer, Text
from edge_identify.sync_server.delivery.image_urls import RECORDED_ADDRESSES

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.references import Reference, ReferenceImageFacts
    from edge_identify.sync_server.answering.engine_pool import EngineRoom
    from edge_identify.sync_server.answering.pack_engine import PackEngine
    from edge_identify.sync_server.delivery.image_urls import ImageUrls

PUBLIC_URL = "PUBLIC_URL"  # of the app's configuration: the address that clients know; empty for what they asked at
_MAX_INDEX_ID = 2**53

_NAME = Field(name="name", about="The pack's name.", kind=Text(), is_required=True)

PACKS = Operation(
    id="packs",
    method="GET",
    path="/v1/packs",
    tag="packs",
    summary="The packs that answer here.",
    answers=(
        Answer(
            about="All of them.",
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
    summary="One pack, with its namespaces and kinds of label.",
    in_path=(_NAME,),
    answers=(Answer(about="The pack.", schema=component("Pack")),),
)

REFERENCE = Operation(
    id="reference",
    method="GET",
    path="/v1/packs/{name}/references/{id}",
    tag="packs",
    summary="One reference, with the addresses of its pictures' thumbnails.",
    in_path=(_NAME, Field(name="id", about="The reference's id.", kind=Text(), is_required=True)),
    answers=(Answer(about="What the pack knows of it.", schema=component("Reference")),),
    is_limited=True,  # its answer may hold an address that is signed
)

THUMBNAIL = Operation(
    id="thumbnail",
    method="GET",
    path="/v1/packs/{name}/thumbnails/{number}",
    tag="packs",
    summary="The thumbnail of a reference's picture.",
    in_path=(
        _NAME,
        Field(
            name="number", about="As a reference says it.", kind=Integer(least=0, most=_MAX_INDEX_ID), is_required=True
        ),
    ),
    answers=(Answer(about="A small picture.", content_type="image/webp"),),
)


def pack_routes(room: EngineRoom, image_urls: ImageUrls) -> list[Route]:
    """Return the routes.

    Args:
        room: Has the packs.
        image_urls: Where clients find pictures.
    """
    return [
        Route(operation=PACKS, handler=lambda _: _packs(room)),
        Route(operation=ONE_PACK, handler=lambda asked: _one_pack(room, asked)),
        Route(operation=REFERENCE, handler=lambda asked: _reference(room, asked, image_urls)),
        Route(operation=THUMBNAIL, handler=lambda asked: _thumbnail(room, asked)),
    ]


def model_name(engine: PackEngine) -> str:
    """Return the name of the encoder's model and of its weights."""
    model = engine.manifest.model
    return f"{model.name}/{model.pretrained}"


def pack_named(engine: PackEngine) -> dict[str, str]:
    """Return a pack's name and version, as answers have them."""
    return {"name": engine.manifest.name, "version": str(engine.manifest.version)}


def thumbnail_path(engine: PackEngine, index_id: int | None) -> str | None:
    """Return the address of a picture's thumbnail on this server; None where it has none."""
    if engine.thumbnails is None or index_id is None or engine.thumbnails.webp(index_id) is None:
        return None
    return THUMBNAIL.path.format(name=quote(engine.manifest.name), number=index_id)


def image_url(
    reference: Reference, index_id: int | None, picture: ReferenceImageFacts, engine: PackEngine, image_urls: ImageUrls
) -> str | None:
    """Return the address of a reference's picture, a whole one; None where there is none.

    Args:
        reference: Whose picture.
        index_id: Which of its pictures; None for none.
        picture: What the pack knows of that picture.
        engine: Of its pack.
        image_urls: Says where clients find pictures.
    """
    path = thumbnail_path(engine, index_id)
    here = str(current_app.config[PUBLIC_URL] or request.host_url).rstrip("/")
    return image_urls.of(reference, picture, None if path is None else here + path)


def public_attributes(reference: Reference, image_urls: ImageUrls) -> dict[str, str]:
    """Return a reference's attributes as answers have them: where pictures are is said by `image_url` alone."""
    left_out = () if image_urls.tells_recorded else RECORDED_ADDRESSES
    return {name: value for name, value in reference.attributes.items() if name not in left_out}


def _packs(room: EngineRoom) -> Response:
    described = []
    for name in room.names():
        with asking(room, name) as engine:
            described.append(_described(engine))
    return json_response({"packs": described})


def _one_pack(room: EngineRoom, asked: Asked) -> Response:
    with asking(room, asked.text("name")) as engine:
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


def _reference(room: EngineRoom, asked: Asked, image_urls: ImageUrls) -> Response:
    with asking(room, asked.text("name")) as engine:
        images = engine.references.images_of(asked.text("id"))
        if not images:
            raise ProblemError(NOT_FOUND, f"pack {engine.manifest.name} has no reference {asked.text('id')!r}")
        reference = engine.references.reference(asked.text("id"))
        facts = [engine.references.picture(one.index_id) for one in images]
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


def _thumbnail(room: EngineRoom, asked: Asked) -> Response:
    with asking(room, asked.text("name")) as engine:
        table, number = engine.thumbnails, asked.integer("number")
        # Looked at before it is sent: a browser would decode a picture of any size.
        data = None if table is None or table.picture(number) is None else table.webp(number)
    if data is None:
        raise ProblemError(NOT_FOUND, f"pack {asked.text('name')} has no thumbnail {asked.integer('number')}")
    response = Response(data, content_type="image/webp")
    response.headers["Cache-Control"] = "public, max-age=3600"  # a number is never used again for another picture
    return response
