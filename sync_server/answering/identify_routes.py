"""The service's own questions under `/v1`: the decisions and fields of the device's `--json`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Response

from edge_identify.edge_runtime.answers.answer_json import answer_as_document
from edge_identify.edge_runtime.answers.identification import Identification
from edge_identify.edge_runtime.pack.filters import Filters
from edge_identify.edge_runtime.photos.position import MAX_ACCURACY_M, Position
from edge_identify.edge_runtime.search.filtering import namespaces_named_in
from edge_identify.sync_server.answering.engine_problems import asking, noted, unit_vector
from edge_identify.sync_server.answering.pack_engine import NamedPhoto, position_of
from edge_identify.sync_server.answering.pack_routes import image_url, model_name, pack_named, told_attributes
from edge_identify.sync_server.contract.json_responses import json_response
from edge_identify.sync_server.contract.openapi import component
from edge_identify.sync_server.contract.operation import (
    JSON,
    MULTIPART,
    Answer,
    Asked,
    Body,
    Field,
    Operation,
    Route,
    Upload,
)
from edge_identify.sync_server.contract.problem_kinds import INVALID, UNUSABLE_PICTURE, ProblemError
from edge_identify.sync_server.contract.value_kinds import (
    Coordinates,
    Integer,
    Labels,
    LabelTexts,
    Number,
    Picture,
    Pictures,
    Text,
    Texts,
    Truth,
    Vector,
)

if TYPE_CHECKING:
    from edge_identify.sync_server.answering.engine_pool import EngineRoom
    from edge_identify.sync_server.answering.pack_engine import Embedded, PackEngine
    from edge_identify.sync_server.delivery.image_urls import ImageUrls

MOST_ANSWERS = 100
MOST_TEXT = 2000  # characters; a text tower reads some 60 words

PACK = Field(name="pack", about="The pack that answers; needed where several do.", kind=Text())
FILE = Field(
    name="file",
    about="JPEG, PNG, GIF, BMP, WebP, TIFF or AVIF; HEIC where the server has the extra `heic`.",
    kind=Picture(),
    is_required=True,
)
_TOP_K = Field(name="top_k", about="References to return.", kind=Integer(least=1, most=MOST_ANSWERS), default=5)
_LIMIT = Field(name="limit", about="References to return.", kind=Integer(least=1, most=MOST_ANSWERS), default=10)
_TEXT = Field(name="text", about="A description.", kind=Text(most=MOST_TEXT))
_FORM_FILTERS = (
    Field(name="namespace", about="Only references of this namespace; repeated, of any of these.", kind=Texts()),
    Field(
        name="label",
        about="KEY=VALUE, only references with this label; values of one key are alternatives, keys are all needed.",
        kind=LabelTexts(),
    ),
)
_JSON_FILTERS = (
    Field(name="namespaces", about="Only references of any of these namespaces.", kind=Texts()),
    Field(name="labels", about="Values by kind of label: any of the values, all of the kinds.", kind=Labels()),
)

IDENTIFY = Operation(
    id="identify",
    method="POST",
    path="/v1/identify",
    tag="identify",
    summary="Name what a photo shows.",
    about="The answer is what `edge-identify photo.jpg --jsonl` prints, of several photos what it prints with "
    "`--same-thing`; those of them that cannot be used are `left_out`. Each match has `image_url`, too, the address of "
    "its picture. Nothing of the photo is kept.",
    bodies=(
        Body(
            content_type=MULTIPART,
            fields=(
                replace(
                    FILE, kind=Pictures(), about=f"{FILE.about} Repeated: several photos of one and the same thing."
                ),
                _TOP_K,
                PACK,
                *_FORM_FILTERS,
                Field(
                    name="verify_geometry",
                    about="Compare one photo point by point with thumbnails of the most similar references, and put "
                    "those first whose points agree; needs a pack with thumbnails.",
                    kind=Truth(),
                ),
                Field(
                    name="near",
                    about="Where it was taken, latitude and longitude in degrees, whatever its metadata says.",
                    kind=Coordinates(),
                ),
                Field(
                    name="accuracy", about="How good `near` is, in metres.", kind=Number(above=0, most=MAX_ACCURACY_M)
                ),
                Field(name="no_location", about="Use no position, not even the photo's own.", kind=Truth()),
            ),
            needs={"accuracy": "near"},
        ),
    ),
    answers=(Answer(about="What it shows, and how sure that is.", schema=component("Identification")),),
)

SEARCH = Operation(
    id="search",
    method="POST",
    path="/v1/search",
    tag="identify",
    summary="Find references by a text, a vector or a picture.",
    about="JSON with either `text` or `embedding` (and `embedding_space`), or a form with a picture.",
    bodies=(
        Body(
            content_type=JSON,
            fields=(
                _TEXT,
                Field(name="embedding", about="A vector, as /v1/embed/... return it.", kind=Vector()),
                Field(
                    name="embedding_space",
                    about="The id of the space that `embedding` is of; vectors of another are refused.",
                    kind=Text(),
                ),
                _LIMIT,
                PACK,
                *_JSON_FILTERS,
                Field(name="auto_namespace", about="Search only the namespaces that the text names.", kind=Truth()),
            ),
            either=(("text",), ("embedding", "embedding_space")),
        ),
        Body(content_type=MULTIPART, fields=(FILE, _LIMIT, PACK, *_FORM_FILTERS)),
    ),
    answers=(Answer(about="The nearest references, best first.", schema=component("Identification")),),
)

EMBED_IMAGE = Operation(
    id="embed-image",
    method="POST",
    path="/v1/embed/image",
    tag="embed",
    summary="A picture's unit vector.",
    about="Made as those of the pack's references.",
    bodies=(Body(content_type=MULTIPART, fields=(FILE, PACK)),),
    answers=(Answer(about="The vector and the space it is of.", schema=component("Embedding")),),
)

EMBED_TEXT = Operation(
    id="embed-text",
    method="POST",
    path="/v1/embed/text",
    tag="embed",
    summary="A text's unit vector.",
    bodies=(Body(content_type=JSON, fields=(replace(_TEXT, is_required=True), PACK)),),
    answers=(Answer(about="The vector and the space it is of.", schema=component("Embedding")),),
)


def own_routes(room: EngineRoom, image_urls: ImageUrls) -> list[Route]:
    """Return the routes.

    Args:
        room: Answers.
        image_urls: Where clients find pictures.
    """
    return [
        Route(operation=IDENTIFY, handler=lambda asked: _identify(room, asked, image_urls)),
        Route(operation=SEARCH, handler=lambda asked: _search(room, asked, image_urls)),
        Route(operation=EMBED_IMAGE, handler=lambda asked: _embed_image(room, asked)),
        Route(operation=EMBED_TEXT, handler=lambda asked: _embed_text(room, asked)),
    ]


def _identify(room: EngineRoom, asked: Asked, image_urls: ImageUrls) -> Response:
    photos, filters = asked.pictures("file"), _form_filters(asked)
    if len(photos) > 1:
        return _identify_together(room, asked, image_urls)
    (photo,) = photos
    position = _position(asked, photo)
    with asking(room, asked.optional_text("pack")) as engine:
        found = engine.identify(
            photo.data,
            name=photo.name,
            top_k=asked.integer("top_k"),
            filters=filters,
            position=position,
            verifies_geometry=asked.truth("verify_geometry"),
        )
        return json_response(_answer(noted(found), engine, image_urls))


def _identify_together(room: EngineRoom, asked: Asked, image_urls: ImageUrls) -> Response:
    if asked.truth("verify_geometry"):
        raise ProblemError(INVALID, "`verify_geometry` compares one photo with references; send one `file`")
    sent = asked.pictures("file")
    photos = [NamedPhoto(name=one.name, data=one.data, position=_position(asked, one)) for one in sent]
    with asking(room, asked.optional_text("pack")) as engine:
        found, problems = engine.identify_together(photos, top_k=asked.integer("top_k"), filters=_form_filters(asked))
        if found is None:
            raise ProblemError(UNUSABLE_PICTURE, "; ".join(map(str, problems.values())))
        answer = _answer(noted(found), engine, image_urls)
    left_out = [{"photo": photos[at].name, "error": str(error)} for at, error in problems.items()]
    return json_response(answer | ({"left_out": left_out} if left_out else {}))


def _position(asked: Asked, photo: Upload) -> Position | None:
    """Return where a photo was taken, by the same rules as on the device."""
    near, accuracy = asked.coordinates("near"), asked.number("accuracy")
    if asked.truth("no_location"):
        return None
    if near is not None:
        return Position(latitude=near[0], longitude=near[1], accuracy_m=accuracy, source="given")
    return position_of(photo.data)


def _search(room: EngineRoom, asked: Asked, image_urls: ImageUrls) -> Response:
    by = _by_picture if asked.has("file") else _by_text if asked.has("text") else _by_vector
    with asking(room, asked.optional_text("pack")) as engine:
        return json_response(_answer(by(engine, asked), engine, image_urls))


def _by_picture(engine: PackEngine, asked: Asked) -> Identification:
    photo = asked.picture("file")
    found = engine.identify(photo.data, name=photo.name, top_k=asked.integer("limit"), filters=_form_filters(asked))
    return noted(found)


def _by_text(engine: PackEngine, asked: Asked) -> Identification:
    text, filters = asked.text("text"), _json_filters(asked)
    named = () if filters.namespaces else namespaces_named_in(text, engine.references.namespaces())
    if asked.truth("auto_namespace") and named:
        filters, named = replace(filters, namespaces=named), ()
    found = engine.search_text(text, top_k=asked.integer("limit"), filters=filters)
    return replace(noted(found), suggested_namespaces=named)


def _by_vector(engine: PackEngine, asked: Asked) -> Identification:
    space = engine.manifest.model.space_id
    if asked.text("embedding_space") != space:
        raise ProblemError(
            INVALID,
            f"`embedding_space` is not the one of pack {engine.manifest.name}, {space}; vectors of different "
            "spaces cannot be compared",
        )
    vector = unit_vector(asked.vector("embedding"), engine)
    found = engine.search_vector(vector, top_k=asked.integer("limit"), filters=_json_filters(asked))
    return noted(found)


def _answer(found: Identification, engine: PackEngine, image_urls: ImageUrls) -> dict[str, Any]:
    """Return the documented object, and where the pictures of its matches are."""
    document = answer_as_document(found, found)
    for told, match in zip(document["matches"], found.matches, strict=True):
        told["attributes"] = told_attributes(match.reference, image_urls)
        told["image_url"] = image_url(match.reference, match.index_id, match.picture, engine, image_urls)
    return document


def _form_filters(asked: Asked) -> Filters:
    return _filters(asked, "namespace", "label")


def _json_filters(asked: Asked) -> Filters:
    return _filters(asked, "namespaces", "labels")


def _filters(asked: Asked, namespaces: str, labels: str) -> Filters:
    return Filters(namespaces=tuple(dict.fromkeys(asked.texts(namespaces))), labels=asked.labels(labels))


def _embed_image(room: EngineRoom, asked: Asked) -> Response:
    picture = asked.picture("file")
    with asking(room, asked.optional_text("pack")) as engine:
        return _embedding(engine, noted(engine.embed_image(picture.data, name=picture.name)))


def _embed_text(room: EngineRoom, asked: Asked) -> Response:
    with asking(room, asked.optional_text("pack")) as engine:
        return _embedding(engine, noted(engine.embed_text(asked.text("text"))))


def _embedding(engine: PackEngine, embedded: Embedded) -> Response:
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
