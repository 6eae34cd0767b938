"""The service's own questions under `/v1`: the decisions and fields of the device's `--json`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Response

from edge_identify.edge_runtime.answers.answer import Answer as Answered
from edge_identify.edge_runtime.answers.answer import Answerer, FurtherPhoto
from edge_identify.edge_runtime.answers.answer_json import answer_as_document
from edge_identify.edge_runtime.answers.identification import Identification
from edge_identify.edge_runtime.pack.filters import Filters
from edge_identify.edge_runtime.photos.position import MAX_ACCURACY_M, Position
from edge_identify.edge_runtime.search.filtering import namespaces_named_in
from edge_identify.sync_server.answering.engine_problems import borrowed_engine, record_stages, unit_vector
from edge_identify.sync_server.answering.pack_engine import NamedPhoto, position_of
from edge_identify.sync_server.answering.pack_routes import image_url, model_name, pack_named, public_attributes
from edge_identify.sync_server.contract.json_responses import json_response
from edge_identify.sync_server.contract.openapi import component
from edge_identify.sync_server.contract.operation import (
    JSON,
    MULTIPART,
    Body,
    Operation,
    RequestField,
    RequestValues,
    ResponseSpec,
    Route,
    Upload,
)
from edge_identify.sync_server.contract.problem_kinds import INVALID, UNUSABLE_IMAGE, ProblemError
from edge_identify.sync_server.contract.value_kinds import (
    Coordinates,
    ImageFile,
    ImageFiles,
    Integer,
    Labels,
    LabelTexts,
    Number,
    Text,
    Texts,
    Truth,
    Vector,
)

if TYPE_CHECKING:
    from edge_identify.sync_server.answering.engine_pool import EnginePool
    from edge_identify.sync_server.answering.pack_engine import PackEngine, TimedEmbedding
    from edge_identify.sync_server.delivery.image_urls import ImageUrls

MOST_ANSWERS = 100
MOST_TEXT = 2000  # characters; a text tower reads some 60 words

PACK = RequestField(name="pack", about="The pack that answers; needed where several do.", kind=Text())
FILE = RequestField(
    name="file",
    about="JPEG, PNG, GIF, BMP, WebP, TIFF or AVIF; HEIC where the server has the extra `heic`.",
    kind=ImageFile(),
    is_required=True,
)
_TOP_K = RequestField(name="top_k", about="References to return.", kind=Integer(least=1, most=MOST_ANSWERS), default=5)
_LIMIT = RequestField(name="limit", about="References to return.", kind=Integer(least=1, most=MOST_ANSWERS), default=10)
_TEXT = RequestField(name="text", about="A description.", kind=Text(most=MOST_TEXT))
_FORM_FILTERS = (
    RequestField(name="namespace", about="Only references of this namespace; repeated, of any of these.", kind=Texts()),
    RequestField(
        name="label",
        about="KEY=VALUE, only references with this label; values of one key are alternatives, keys are all needed.",
        kind=LabelTexts(),
    ),
)
_JSON_FILTERS = (
    RequestField(name="namespaces", about="Only references of any of these namespaces.", kind=Texts()),
    RequestField(name="labels", about="Values by kind of label: any of the values, all of the kinds.", kind=Labels()),
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
                    FILE, kind=ImageFiles(), about=f"{FILE.about} Repeated: several photos of one and the same thing."
                ),
                _TOP_K,
                PACK,
                *_FORM_FILTERS,
                RequestField(
                    name="verify_geometry",
                    about="Compare one photo point by point with thumbnails of the most similar references, and put "
                    "those first whose points agree; needs a pack with thumbnails.",
                    kind=Truth(),
                ),
                RequestField(
                    name="near",
                    about="Where it was taken, latitude and longitude in degrees, whatever its metadata says.",
                    kind=Coordinates(),
                ),
                RequestField(
                    name="accuracy", about="How good `near` is, in metres.", kind=Number(above=0, most=MAX_ACCURACY_M)
                ),
                RequestField(name="no_location", about="Use no position, not even the photo's own.", kind=Truth()),
            ),
            needs={"accuracy": "near"},
        ),
    ),
    responses=(ResponseSpec(about="What it shows, and how sure that is.", schema=component("Identification")),),
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
                RequestField(name="embedding", about="A vector, as /v1/embed/... return it.", kind=Vector()),
                RequestField(
                    name="embedding_space",
                    about="The id of the space that `embedding` is of; vectors of another are refused.",
                    kind=Text(),
                ),
                _LIMIT,
                PACK,
                *_JSON_FILTERS,
                RequestField(
                    name="auto_namespace", about="Search only the namespaces that the text names.", kind=Truth()
                ),
            ),
            either=(("text",), ("embedding", "embedding_space")),
        ),
        Body(content_type=MULTIPART, fields=(FILE, _LIMIT, PACK, *_FORM_FILTERS)),
    ),
    responses=(ResponseSpec(about="The nearest references, best first.", schema=component("Identification")),),
)

EMBED_IMAGE = Operation(
    id="embed-image",
    method="POST",
    path="/v1/embed/image",
    tag="embed",
    summary="A picture's unit vector.",
    about="Made as those of the pack's references.",
    bodies=(Body(content_type=MULTIPART, fields=(FILE, PACK)),),
    responses=(ResponseSpec(about="The vector and the space it is of.", schema=component("Embedding")),),
)

EMBED_TEXT = Operation(
    id="embed-text",
    method="POST",
    path="/v1/embed/text",
    tag="embed",
    summary="A text's unit vector.",
    bodies=(Body(content_type=JSON, fields=(replace(_TEXT, is_required=True), PACK)),),
    responses=(ResponseSpec(about="The vector and the space it is of.", schema=component("Embedding")),),
)


def own_routes(pool: EnginePool, image_urls: ImageUrls) -> list[Route]:
    """Return the routes.

    Args:
        pool: Answers.
        image_urls: Where clients find pictures.
    """
    return [
        Route(operation=IDENTIFY, handler=lambda values: _identify(pool, values, image_urls)),
        Route(operation=SEARCH, handler=lambda values: _search(pool, values, image_urls)),
        Route(operation=EMBED_IMAGE, handler=lambda values: _embed_image(pool, values)),
        Route(operation=EMBED_TEXT, handler=lambda values: _embed_text(pool, values)),
    ]


def _identify(pool: EnginePool, values: RequestValues, image_urls: ImageUrls) -> Response:
    photos, filters = values.images("file"), _form_filters(values)
    if len(photos) > 1:
        return _identify_together(pool, values, image_urls)
    (photo,) = photos
    position = _position(values, photo)
    with borrowed_engine(pool, values.optional_text("pack")) as engine:
        found = engine.identify(
            photo.data,
            name=photo.name,
            top_k=values.integer("top_k"),
            filters=filters,
            position=position,
            verifies_geometry=values.truth("verify_geometry"),
        )
        return json_response(
            _answer(Answered(kind="photo", question=photo.name, result=record_stages(found)), engine, image_urls)
        )


def _identify_together(pool: EnginePool, values: RequestValues, image_urls: ImageUrls) -> Response:
    if values.truth("verify_geometry"):
        raise ProblemError(INVALID, "`verify_geometry` compares one photo with references; send one `file`")
    sent = values.images("file")
    photos = [NamedPhoto(name=one.name, data=one.data, position=_position(values, one)) for one in sent]
    with borrowed_engine(pool, values.optional_text("pack")) as engine:
        found, problems = engine.identify_together(photos, top_k=values.integer("top_k"), filters=_form_filters(values))
        if found is None:
            raise ProblemError(UNUSABLE_IMAGE, "; ".join(map(str, problems.values())))
        first, *others = [photo.name for at, photo in enumerate(photos) if at not in problems]
        further = tuple(FurtherPhoto(path=name) for name in others)
        answer = _answer(
            Answered(kind="photo", question=first, result=record_stages(found), further_photos=further),
            engine,
            image_urls,
        )
    left_out = [{"photo": photos[at].name, "error": str(error)} for at, error in problems.items()]
    return json_response(answer | ({"left_out": left_out} if left_out else {}))


def _position(values: RequestValues, photo: Upload) -> Position | None:
    """Return where a photo was taken, by the same rules as on the device."""
    near, accuracy = values.coordinates("near"), values.number("accuracy")
    if values.truth("no_location"):
        return None
    if near is not None:
        return Position(latitude=near[0], longitude=near[1], accuracy_m=accuracy, source="given")
    return position_of(photo.data)


def _search(pool: EnginePool, values: RequestValues, image_urls: ImageUrls) -> Response:
    by = _by_picture if values.has("file") else _by_text if values.has("text") else _by_vector
    with borrowed_engine(pool, values.optional_text("pack")) as engine:
        return json_response(_answer(by(engine, values), engine, image_urls))


def _by_picture(engine: PackEngine, values: RequestValues) -> Answered:
    photo = values.image("file")
    found = engine.identify(photo.data, name=photo.name, top_k=values.integer("limit"), filters=_form_filters(values))
    return Answered(kind="photo", question=photo.name, result=record_stages(found))


def _by_text(engine: PackEngine, values: RequestValues) -> Answered:
    text, filters = values.text("text"), _json_filters(values)
    named = () if filters.namespaces else namespaces_named_in(text, engine.references.namespaces())
    if values.truth("auto_namespace") and named:
        filters, named = replace(filters, namespaces=named), ()
    found = engine.search_text(text, top_k=values.integer("limit"), filters=filters)
    return Answered(kind="text", question=text, result=record_stages(found), suggested_namespaces=named)


def _by_vector(engine: PackEngine, values: RequestValues) -> Answered:
    space = engine.manifest.model.space_id
    if values.text("embedding_space") != space:
        raise ProblemError(
            INVALID,
            f"`embedding_space` is not the one of pack {engine.manifest.name}, {space}; vectors of different "
            "spaces cannot be compared",
        )
    vector = unit_vector(values.vector("embedding"), engine)
    found = engine.search_vector(vector, top_k=values.integer("limit"), filters=_json_filters(values))
    return Answered(kind="embedding_space", question=space, result=record_stages(found))


def _answer(answered: Answered, engine: PackEngine, image_urls: ImageUrls) -> dict[str, Any]:
    """Return the documented object, and where the pictures of its matches are."""
    found = answered.result
    assert isinstance(found, Identification), "what fails is a problem"
    answerer = Answerer(pack_name=found.pack_name, pack_version=found.pack_version, variant_name=found.variant_name)
    document = answer_as_document(answered, answerer)
    for told, match in zip(document["matches"], found.matches, strict=True):
        told["attributes"] = public_attributes(match.reference, image_urls)
        told["image_url"] = image_url(match.reference, match.index_id, match.picture, engine, image_urls)
    return document


def _form_filters(values: RequestValues) -> Filters:
    return _filters(values, "namespace", "label")


def _json_filters(values: RequestValues) -> Filters:
    return _filters(values, "namespaces", "labels")


def _filters(values: RequestValues, namespaces: str, labels: str) -> Filters:
    return Filters(namespaces=tuple(dict.fromkeys(values.texts(namespaces))), labels=values.labels(labels))


def _embed_image(pool: EnginePool, values: RequestValues) -> Response:
    picture = values.image("file")
    with borrowed_engine(pool, values.optional_text("pack")) as engine:
        return _embedding(engine, record_stages(engine.embed_image(picture.data, name=picture.name)))


def _embed_text(pool: EnginePool, values: RequestValues) -> Response:
    with borrowed_engine(pool, values.optional_text("pack")) as engine:
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
