"""Addresses of five older systems, so that their clients stay as they are while our engine answers.

Each takes the parameters and gives the fields of the service that it stands for; what such a service left unsaid is
said here. A newcomer would translate scores: a distance is the L2 distance between unit vectors, 0 for the same picture
and about 2 for its opposite, which follows from the similarity alone.
"""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import TYPE_CHECKING, Any

from flask import Response

from edge_identify.edge_runtime.answers.answer_json import picture_as_json
from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters
from edge_identify.edge_runtime.search.filtering import namespaces_named_in
from edge_identify.sync_server.answering.engine_problems import asking, noted, unit_vector
from edge_identify.sync_server.answering.identify_routes import FILE, MOST_ANSWERS, MOST_TEXT, PACK
from edge_identify.sync_server.answering.pack_engine import position_of
from edge_identify.sync_server.answering.pack_routes import image_url, model_name, public_attributes
from edge_identify.sync_server.contract.json_responses import json_response
from edge_identify.sync_server.contract.operation import JSON, MULTIPART, Answer, Asked, Body, Field, Operation, Route
from edge_identify.sync_server.contract.problem_kinds import MALFORMED
from edge_identify.sync_server.contract.value_kinds import Integer, Text, Vector

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Match
    from edge_identify.sync_server.answering.engine_pool import EngineRoom
    from edge_identify.sync_server.answering.pack_engine import PackEngine
    from edge_identify.sync_server.delivery.image_urls import ImageUrls

_COUNT = Integer(least=1, most=MOST_ANSWERS)
_TAG = "drop-in"
_TEXT = Text(most=MOST_TEXT)
_OPTIONAL_TEXT = {"type": ["string", "null"]}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


_MATCHED = _list(
    _object(
        flash_id={"type": "string"},
        flash_name={"type": "string"},
        similarity={"type": "number"},
        confidence={"type": "number"},
        location={"anyOf": [{"type": "null"}, _object(lat={"type": "number"}, lng={"type": "number"})]},
        image_url=_OPTIONAL_TEXT,
    )
)
_STORED = _list(
    _object(
        distance={"type": "number", "minimum": 0, "maximum": 2.001},
        folder={"type": "string"},
        s3_path={"type": "string"},
        image_url=_OPTIONAL_TEXT,
    )
)
_FOUND = _list(
    _object(
        id={"type": "string"},
        score={"type": "number"},
        namespace={"type": "string"},
        metadata={"type": "object"},
    )
)

IDENTIFY = Operation(
    id="drop-in-identify",
    method="POST",
    path="/identify",
    tag=_TAG,
    summary="The flash identifier's: mosaics that resemble a photo.",
    about="`confidence` is the probability that the photo shows it, in a pack that decides; the similarity in others.",
    in_query=(PACK,),
    bodies=(
        Body(
            content_type=MULTIPART,
            fields=(FILE, Field(name="top_k", about="Matches to return.", kind=_COUNT, default=5)),
            is_strict=False,
        ),
    ),
    answers=(
        Answer(
            about="Best first.", schema=_object(matches=_MATCHED, processing_time_ms={"type": "number", "minimum": 0})
        ),
    ),
)
EMBED_IMAGE = Operation(
    id="drop-in-embed-image",
    method="POST",
    path="/embed-image",
    tag=_TAG,
    summary="The embedding service's: a picture's unit vector.",
    in_query=(PACK,),
    bodies=(Body(content_type=MULTIPART, fields=(FILE,), is_strict=False),),
    answers=(
        Answer(
            about="The vector.",
            schema=_object(embedding=_list({"type": "number"}), model={"type": "string"}, device={"type": "string"}),
        ),
    ),
)
_BUCKET = "/api/demo_backend_v2/image_search"
SEARCH_BUCKET = Operation(
    id="drop-in-bucket-search",
    method="POST",
    path=f"{_BUCKET}/search",
    tag=_TAG,
    summary="The bucket search's: pictures by a text; a folder that the text names is searched alone.",
    in_query=(PACK,),
    bodies=(
        Body(
            content_type=JSON,
            fields=(
                Field(name="query", about="A description.", kind=_TEXT, is_required=True),
                Field(name="k", about="Pictures to return.", kind=_COUNT, default=5),
                Field(name="folder", about="Search only there.", kind=Text()),
            ),
            is_strict=False,
        ),
    ),
    answers=(Answer(about="Nearest first.", schema=_STORED),),
    invalid=MALFORMED,
)
SEARCH_BUCKET_BY_IMAGE = Operation(
    id="drop-in-bucket-search-by-image",
    method="POST",
    path=f"{_BUCKET}/search_by_image",
    tag=_TAG,
    summary="The bucket search's: pictures by a picture.",
    in_query=(Field(name="k", about="Pictures to return.", kind=_COUNT, default=5), PACK),
    bodies=(Body(content_type=MULTIPART, fields=(FILE,), is_strict=False),),
    answers=(Answer(about="Nearest first.", schema=_STORED),),
    invalid=MALFORMED,
)
VISUAL_SEARCH = Operation(
    id="drop-in-visual-search",
    method="POST",
    path="/visual-search/",
    tag=_TAG,
    summary="The visual search's: products by a picture.",
    about="`scores` are similarities, in the order of `results`.",
    in_query=(Field(name="top_k", about="Products to return.", kind=_COUNT, default=5), PACK),
    bodies=(Body(content_type=MULTIPART, fields=(FILE,), is_strict=False),),
    answers=(
        Answer(
            about="Best first.",
            schema=_object(
                results=_list(_object(id={"type": "string"}, product_id={"type": "string"}, name={"type": "string"})),
                scores=_list({"type": "number"}),
            ),
        ),
    ),
)
_LIMIT = Field(name="limit", about="References to return.", kind=_COUNT, default=10)
SEARCH_TEXT = Operation(
    id="drop-in-vector-store-search",
    method="POST",
    path="/api/v1/search",
    tag=_TAG,
    summary="The vector store's: references by a text.",
    in_query=(PACK,),
    bodies=(
        Body(
            content_type=JSON,
            fields=(
                Field(name="text", about="A description.", kind=_TEXT, is_required=True),
                _LIMIT,
                Field(name="namespace", about="Search only there.", kind=Text()),
            ),
            is_strict=False,
        ),
    ),
    answers=(Answer(about="Best first.", schema=_object(results=_FOUND)),),
)
SEARCH_VECTORS = Operation(
    id="drop-in-vector-store-vectors",
    method="POST",
    path="/api/v1/vectors/search",
    tag=_TAG,
    summary="The vector store's: references by a vector of the pack's own space.",
    in_query=(PACK,),
    bodies=(
        Body(
            content_type=JSON,
            fields=(
                Field(name="embedding", about="A vector.", kind=Vector(), is_required=True),
                _LIMIT,
                Field(name="namespace", about="Search only there.", kind=Text()),
            ),
            is_strict=False,
        ),
    ),
    answers=(Answer(about="Best first.", schema=_object(results=_FOUND)),),
)


def drop_in_routes(room: EngineRoom, image_urls: ImageUrls) -> list[Route]:
    """Return the routes, answered by an engine room; `/` and `/health` are among the service's own.

    Args:
        room: Has the packs.
        image_urls: Where clients find pictures.
    """
    return [
        Route(operation=IDENTIFY, handler=lambda asked: _identify(room, asked, image_urls)),
        Route(operation=EMBED_IMAGE, handler=lambda asked: _embed_image(room, asked)),
        Route(operation=SEARCH_BUCKET, handler=lambda asked: _search_bucket(room, asked, image_urls)),
        Route(operation=SEARCH_BUCKET_BY_IMAGE, handler=lambda asked: _search_bucket_by_image(room, asked, image_urls)),
        Route(operation=VISUAL_SEARCH, handler=lambda asked: _visual_search(room, asked)),
        Route(operation=SEARCH_TEXT, handler=lambda asked: _search_text(room, asked, image_urls)),
        Route(operation=SEARCH_VECTORS, handler=lambda asked: _search_vectors(room, asked, image_urls)),
    ]


def _identify(room: EngineRoom, asked: Asked, image_urls: ImageUrls) -> Response:
    photo = asked.picture("file")
    position = position_of(photo.data)
    with asking(room, asked.optional_text("pack")) as engine:
        found = noted(engine.identify(photo.data, name=photo.name, top_k=asked.integer("top_k"), position=position))
        matches = [_flash(match, _image_url(match, engine, image_urls)) for match in found.matches]
    return json_response({"matches": matches, "processing_time_ms": round(1000 * found.seconds, 3)})


def _flash(match: Match, address: str | None) -> dict[str, Any]:
    reference = match.reference
    located = reference.latitude is not None and reference.longitude is not None
    return {
        "flash_id": reference.id,
        "flash_name": reference.name,
        "similarity": round(match.score, 6),
        "confidence": round(match.score if match.confidence is None else match.confidence, 6),
        "location": {"lat": reference.latitude, "lng": reference.longitude} if located else None,
        "image_url": address,
    }


def _embed_image(room: EngineRoom, asked: Asked) -> Response:
    picture = asked.picture("file")
    with asking(room, asked.optional_text("pack")) as engine:
        vector = noted(engine.embed_image(picture.data, name=picture.name)).vector
        return json_response({"embedding": vector.tolist(), "model": model_name(engine), "device": engine.device})


def _search_bucket(room: EngineRoom, asked: Asked, image_urls: ImageUrls) -> Response:
    query, filters = asked.text("query"), _in_namespace(asked.optional_text("folder"))
    with asking(room, asked.optional_text("pack")) as engine:
        if not filters:
            filters = replace(filters, namespaces=namespaces_named_in(query, engine.references.namespaces()))
        found = noted(engine.search_text(query, top_k=asked.integer("k"), filters=filters))
        return json_response([_stored(match, _image_url(match, engine, image_urls)) for match in found.matches])


def _search_bucket_by_image(room: EngineRoom, asked: Asked, image_urls: ImageUrls) -> Response:
    photo = asked.picture("file")
    with asking(room, asked.optional_text("pack")) as engine:
        found = noted(engine.identify(photo.data, name=photo.name, top_k=asked.integer("k")))
        return json_response([_stored(match, _image_url(match, engine, image_urls)) for match in found.matches])


def _stored(match: Match, address: str | None) -> dict[str, Any]:
    reference = match.reference
    in_folder = f"{reference.namespace}/{reference.id}" if reference.namespace else reference.id
    return {
        "distance": round(sqrt(max(0.0, 2 - 2 * match.score)), 6),
        "folder": reference.namespace,
        "s3_path": reference.attributes.get("s3_path", in_folder),
        "image_url": address,
    }


def _visual_search(room: EngineRoom, asked: Asked) -> Response:
    photo = asked.picture("file")
    with asking(room, asked.optional_text("pack")) as engine:
        matches = noted(engine.identify(photo.data, name=photo.name, top_k=asked.integer("top_k"))).matches
    results = [
        {
            "id": match.reference.id,
            "product_id": match.reference.attributes.get("product_id", match.reference.id),
            "name": match.reference.name,
        }
        for match in matches
    ]
    return json_response({"results": results, "scores": [round(match.score, 6) for match in matches]})


def _search_text(room: EngineRoom, asked: Asked, image_urls: ImageUrls) -> Response:
    filters = _in_namespace(asked.optional_text("namespace"))
    with asking(room, asked.optional_text("pack")) as engine:
        found = noted(engine.search_text(asked.text("text"), top_k=asked.integer("limit"), filters=filters))
        return json_response({"results": [_entry(match, image_urls) for match in found.matches]})


def _search_vectors(room: EngineRoom, asked: Asked, image_urls: ImageUrls) -> Response:
    filters = _in_namespace(asked.optional_text("namespace"))
    with asking(room, asked.optional_text("pack")) as engine:
        vector = unit_vector(asked.vector("embedding"), engine)
        found = noted(engine.search_vector(vector, top_k=asked.integer("limit"), filters=filters))
        return json_response({"results": [_entry(match, image_urls) for match in found.matches]})


def _entry(match: Match, image_urls: ImageUrls) -> dict[str, Any]:
    """Return a reference as a vector store's entry; its attributes count before what is known of the picture."""
    reference, picture = match.reference, picture_as_json(match.picture)
    metadata = {
        "type": "image",
        "filename": picture["filename"],
        "path": picture["path"],
        "extension": picture["extension"],
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


def _in_namespace(name: str | None) -> Filters:
    return NO_FILTERS if name is None else Filters(namespaces=(name,))


def _image_url(match: Match, engine: PackEngine, image_urls: ImageUrls) -> str | None:
    return image_url(match.reference, match.index_id, match.picture, engine, image_urls)
