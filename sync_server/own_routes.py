"""The service's own routes under `/v1`: the decisions and fields of the device's `--json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Response, request

from edge_identify.edge_runtime.commands.answer_json import answer_as_line, document_as_line, reference_as_json
from edge_identify.edge_runtime.commands.answers import Answer as Answered
from edge_identify.edge_runtime.commands.answers import Answerer, FurtherPhoto
from edge_identify.edge_runtime.deciding.place import MAX_ACCURACY_M, Position
from edge_identify.edge_runtime.filters import namespaces_named_in
from edge_identify.edge_runtime.pack.references import Filters
from edge_identify.sync_server.asking import asking, noted, unit_vector
from edge_identify.sync_server.contract.kinds import (
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
from edge_identify.sync_server.contract.problem_kinds import INVALID, NOT_FOUND, UNUSABLE_PICTURE, ProblemError
from edge_identify.sync_server.engine.pack_engine import NamedPhoto, position_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.finding import Identification
    from edge_identify.edge_runtime.pack.references import Reference
    from edge_identify.sync_server.engine.pack_engine import PackEngine
    from edge_identify.sync_server.engine.room import EngineRoom
    from edge_identify.sync_server.image_urls import ImageUrls

MOST_ANSWERS = 100
MOST_TEXT = 2000  # characters; a text tower reads some 60 words
_MAX_INDEX_ID = 2**53

PACK = Field(name="pack", about="The pack that answers; needed where several do.", kind=Text())
FILE = Field(name="file", about="JPEG, PNG, GIF, BMP, WebP or TIFF.", kind=Picture(), is_required=True)
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
    "`--same-thing`; those of them that cannot be used are `left_out`. Nothing of the photo is kept.",
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


def own_routes(room: EngineRoom, image_urls: ImageUrls) -> list[Route]:
    """Return the routes, answered by an engine room.

    Args:
        room: Has the packs.
        image_urls: Where clients find pictures.
    """
    return [
        Route(operation=IDENTIFY, handler=lambda asked: _identify(room, asked)),
        Route(operation=SEARCH, handler=lambda asked: _search(room, asked)),
        Route(operation=EMBED_IMAGE, handler=lambda asked: _embed_image(room, asked)),
        Route(operation=EMBED_TEXT, handler=lambda asked: _embed_text(room, asked)),
        Route(operation=PACKS, handler=lambda _: _packs(room)),
        Route(operation=ONE_PACK, handler=lambda asked: _one_pack(room, asked)),
        Route(operation=REFERENCE, handler=lambda asked: _reference(room, asked, image_urls)),
        Route(operation=THUMBNAIL, handler=lambda asked: _thumbnail(room, asked)),
    ]


def json_response(document: Mapping[str, Any] | list[Any] | str) -> Response:
    """Return an answer in JSON that no cache keeps."""
    line = document if isinstance(document, str) else document_as_line(document)
    response = Response(f"{line}\n", content_type=JSON)
    response.headers["Cache-Control"] = "no-store"
    return response


def model_name(engine: PackEngine) -> str:
    """Return the name of the encoder's model and of its weights."""
    model = engine.manifest.model
    return f"{model.name}/{model.pretrained}"


def thumbnail_path(engine: PackEngine, index_id: int | None) -> str | None:
    """Return the address of a picture's thumbnail on this server; None where it has none."""
    if engine.thumbnails is None or index_id is None or engine.thumbnails.webp(index_id) is None:
        return None
    return THUMBNAIL.path.format(name=quote(engine.manifest.name), number=index_id)


def image_url(reference: Reference, index_id: int | None, engine: PackEngine, image_urls: ImageUrls) -> str | None:
    """Return the address of a reference's picture, a whole one; None where there is none.

    Args:
        reference: Whose picture.
        index_id: Which of its pictures has the thumbnail; None for none.
        engine: Of its pack.
        image_urls: Says where clients find pictures.
    """
    path = thumbnail_path(engine, index_id)
    return image_urls.of(reference, None if path is None else request.host_url.rstrip("/") + path)


def _identify(room: EngineRoom, asked: Asked) -> Response:
    photos, filters = asked.pictures("file"), _form_filters(asked)
    if len(photos) > 1:
        return _identify_together(room, asked)
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
    return _answered("photo", photo.name, noted(found))


def _identify_together(room: EngineRoom, asked: Asked) -> Response:
    if asked.truth("verify_geometry"):
        raise ProblemError(INVALID, "`verify_geometry` compares one photo with references; send one `file`")
    sent = asked.pictures("file")
    photos = [NamedPhoto(name=one.name, data=one.data, position=_position(asked, one)) for one in sent]
    with asking(room, asked.optional_text("pack")) as engine:
        found, problems = engine.identify_together(photos, top_k=asked.integer("top_k"), filters=_form_filters(asked))
        if found is None:
            raise ProblemError(UNUSABLE_PICTURE, "; ".join(map(str, problems.values())))
    first, *others = [photo.name for at, photo in enumerate(photos) if at not in problems]
    answer = _answer("photo", first, noted(found), further_photos=tuple(FurtherPhoto(path=name) for name in others))
    if not problems:
        return json_response(answer)
    left_out = [{"photo": photos[at].name, "error": str(error)} for at, error in problems.items()]
    return json_response({**json.loads(answer), "left_out": left_out})


def _position(asked: Asked, photo: Upload) -> Position | None:
    """Return where a photo was taken, by the same rules as on the device."""
    near, accuracy = asked.coordinates("near"), asked.number("accuracy")
    if asked.truth("no_location"):
        return None
    if near is not None:
        return Position(latitude=near[0], longitude=near[1], accuracy_m=accuracy, source="given")
    return position_of(photo.data)


def _search(room: EngineRoom, asked: Asked) -> Response:
    if asked.has("file"):
        return _search_picture(room, asked)
    return _search_text(room, asked) if asked.has("text") else _search_vector(room, asked)


def _search_picture(room: EngineRoom, asked: Asked) -> Response:
    photo, filters = asked.picture("file"), _form_filters(asked)
    with asking(room, asked.optional_text("pack")) as engine:
        found = engine.identify(photo.data, name=photo.name, top_k=asked.integer("limit"), filters=filters)
    return _answered("photo", photo.name, noted(found))


def _search_text(room: EngineRoom, asked: Asked) -> Response:
    text, filters = asked.text("text"), _json_filters(asked)
    with asking(room, asked.optional_text("pack")) as engine:
        named = () if filters.namespaces else namespaces_named_in(text, engine.references.namespaces())
        if asked.truth("auto_namespace") and named:
            filters, named = replace(filters, namespaces=named), ()
        found = engine.search_text(text, top_k=asked.integer("limit"), filters=filters)
    return _answered("text", text, noted(found), suggested=named)


def _search_vector(room: EngineRoom, asked: Asked) -> Response:
    with asking(room, asked.optional_text("pack")) as engine:
        space = engine.manifest.model.space_id
        if asked.text("embedding_space") != space:
            raise ProblemError(
                INVALID,
                f"`embedding_space` is not the one of pack {engine.manifest.name}, {space}; vectors of different "
                "spaces cannot be compared",
            )
        vector = unit_vector(asked.vector("embedding"), engine)
        found = engine.search_vector(vector, top_k=asked.integer("limit"), filters=_json_filters(asked))
    return _answered("embedding_space", space, noted(found))


def _answered(kind: str, question: str, found: Identification, suggested: tuple[str, ...] = ()) -> Response:
    return json_response(_answer(kind, question, found, suggested_namespaces=suggested))


def _answer(
    kind: str,
    question: str,
    found: Identification,
    *,
    suggested_namespaces: tuple[str, ...] = (),
    further_photos: tuple[FurtherPhoto, ...] = (),
) -> str:
    """Return the documented object, on one line."""
    answerer = Answerer(pack_name=found.pack_name, pack_version=found.pack_version, variant_name=found.variant_name)
    answer = Answered(
        kind=kind,
        question=question,
        result=found,
        suggested_namespaces=suggested_namespaces,
        further_photos=further_photos,
    )
    return answer_as_line(answer, answerer)


def _form_filters(asked: Asked) -> Filters:
    return _filters(asked, "namespace", "label")


def _json_filters(asked: Asked) -> Filters:
    return _filters(asked, "namespaces", "labels")


def _filters(asked: Asked, namespaces: str, labels: str) -> Filters:
    return Filters(namespaces=tuple(dict.fromkeys(asked.texts(namespaces))), labels=asked.labels(labels))


def _embed_image(room: EngineRoom, asked: Asked) -> Response:
    picture = asked.picture("file")
    with asking(room, asked.optional_text("pack")) as engine:
        return _embedding(engine, engine.embed_image(picture.data, name=picture.name))


def _embed_text(room: EngineRoom, asked: Asked) -> Response:
    with asking(room, asked.optional_text("pack")) as engine:
        return _embedding(engine, engine.embed_text(asked.text("text")))


def _embedding(engine: PackEngine, vector: NDArray[np.float32]) -> Response:
    return json_response(
        {
            "embedding": vector.tolist(),
            "dim": len(vector),
            "model": model_name(engine),
            "embedding_space": engine.manifest.model.space_id,
            "encoder": engine.variant_name,
            "pack": _pack_named(engine),
            "device": engine.device,
        }
    )


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


def _pack_named(engine: PackEngine) -> dict[str, str]:
    return {"name": engine.manifest.name, "version": str(engine.manifest.version)}


def _described(engine: PackEngine) -> dict[str, Any]:
    manifest = engine.manifest
    return {
        **_pack_named(engine),
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
        address = image_url(reference, images[0].index_id, engine, image_urls)
        pictures = [{"sha256": one.sha256, "thumbnail": thumbnail_path(engine, one.index_id)} for one in images]
        return json_response(
            {"pack": _pack_named(engine), **reference_as_json(reference), "image_url": address, "pictures": pictures}
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
