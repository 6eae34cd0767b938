"""The OpenAPI 3.1 document of the service, made from the descriptions that requests are checked by."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edge_identify.edge_runtime import __version__
from edge_identify.edge_runtime.answers import answer_json
from edge_identify.edge_runtime.photos.images import FORMATS
from edge_identify.sync_server.contract.operation import Body, Operation, RequestField, ResponseSpec
from edge_identify.sync_server.contract.problem_kinds import (
    FAULT,
    INVALID,
    MALFORMED,
    NOT_FOUND,
    TOO_LARGE,
    TOO_MANY,
    UNAVAILABLE,
    UNUSABLE_IMAGE,
    WRONG_TYPE,
    ProblemKind,
)
from edge_identify.sync_server.contract.value_kinds import ImageFile

PROBLEM_JSON = "application/problem+json"
_ANSWER_SCHEMA = Path(answer_json.__file__).with_name("answer.schema.json")
_OF_ANY_ROUTE = (NOT_FOUND, FAULT, UNAVAILABLE)
_WITH_A_BODY = (MALFORMED, TOO_LARGE, WRONG_TYPE, INVALID)

TAGS = {
    "identify": "What a photo shows, and references by a text, a picture or a vector.",
    "embed": "Unit vectors, fit for a database with cosine distance; each says which space it is of.",
    "packs": "What answers here.",
    "drop-in": "Addresses of services that this one takes the place of: the same parameters, the same fields.",
    "delivery": "The published packs as devices fetch them; plain files, which any static host serves as well.",
    "operation": "How the service is.",
}


def component(name: str) -> dict[str, str]:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def openapi_document(operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the OpenAPI document of some operations."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Edge-Identify",
            "version": __version__,
            "summary": "Name what a photo shows, from packs of references.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": paths,
        "components": {"schemas": _components()},
    }


def problems_of(operation: Operation) -> tuple[ProblemKind, ...]:
    """Return the kinds of problem that an operation may answer with, by status."""
    with_body = _WITH_A_BODY if operation.bodies else ()
    checked = (INVALID,) if operation.bodies or operation.in_query else ()
    counted = (TOO_MANY,) if operation.is_question else ()
    pictures = (UNUSABLE_IMAGE,) if any(isinstance(one.kind, ImageFile) for one in _fields(operation)) else ()
    found = (*_OF_ANY_ROUTE, *with_body, *checked, *counted, *pictures, *operation.problems)
    kinds = dict.fromkeys(operation.kind_for(kind) for kind in found)
    return tuple(sorted(kinds, key=lambda kind: (kind.status, kind.name)))


def _fields(operation: Operation) -> Iterable[RequestField]:
    return (one for body in operation.bodies for one in body.fields)


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": [
            *(_parameter(one, "path") for one in operation.in_path),
            *(_parameter(one, "query") for one in operation.in_query),
        ],
        "responses": _responses(operation),
    }
    if operation.about:
        described["description"] = operation.about
    if operation.bodies:
        content = {body.content_type: _media_type(body) for body in operation.bodies}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameter(one: RequestField, place: str) -> dict[str, Any]:
    return {
        "name": one.name,
        "in": place,
        "description": one.about,
        "required": place == "path" or one.is_required,
        "schema": _schema_of(one),
    }


def _schema_of(one: RequestField, *, may_be_null: bool = False) -> dict[str, Any]:
    schema = {**one.kind.schema(), "description": one.about}
    if one.default is not None:
        schema["default"] = one.default
    if may_be_null:
        schema["type"] = [schema["type"], "null"]
    return schema


def _media_type(body: Body) -> dict[str, Any]:
    is_json = body.content_type == "application/json"
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {one.name: _schema_of(one, may_be_null=is_json and not one.is_required) for one in body.fields},
        "required": [one.name for one in body.fields if one.is_required],
    }
    if body.is_strict:
        schema["additionalProperties"] = False
    if body.needs:
        schema["dependentRequired"] = {name: [other] for name, other in body.needs.items()}
    if body.either:
        schema["oneOf"] = [_alternative(group, body) for group in body.either]
    media_type: dict[str, Any] = {"schema": schema}
    pictures = [one.name for one in body.fields if isinstance(one.kind, ImageFile)]
    if pictures:
        formats = ", ".join(f"image/{name.lower()}" for name in FORMATS)
        media_type["encoding"] = {name: {"contentType": formats} for name in pictures}
    return media_type


def _alternative(group: tuple[str, ...], body: Body) -> dict[str, Any]:
    others = {name for other in body.either for name in other} - set(group)
    kinds = {one.name: one.kind.schema()["type"] for one in body.fields}
    return {
        "required": list(group),
        "properties": {name: {"type": kinds[name] if name in group else "null"} for name in (*group, *sorted(others))},
    }


def _responses(operation: Operation) -> dict[str, Any]:
    responses = {str(spec.status): _response(spec) for spec in _by_status(operation.responses)}
    for spec in operation.responses:
        content = responses[str(spec.status)].setdefault("content", {})
        content[spec.content_type] = {} if spec.schema is None else {"schema": dict(spec.schema)}
    by_status: dict[int, list[ProblemKind]] = {}
    for kind in problems_of(operation):
        by_status.setdefault(kind.status, []).append(kind)
    for status, kinds in by_status.items():
        responses[str(status)] = {
            "description": " ".join(f"`{kind.name}`: {kind.meaning}" for kind in kinds),
            "content": {PROBLEM_JSON: {"schema": component("Problem")}},
        }
    return responses


def _by_status(specs: Iterable[ResponseSpec]) -> Iterable[ResponseSpec]:
    return {spec.status: spec for spec in specs}.values()


def _response(spec: ResponseSpec) -> dict[str, Any]:
    return {"description": spec.about}


def _components() -> dict[str, Any]:
    return {**_answer_components(), **_OWN_COMPONENTS}


def _answer_components() -> dict[str, Any]:
    """Return the definitions of the device's own JSON Schema, which the service's answers keep to."""
    text = _ANSWER_SCHEMA.read_text(encoding="utf-8")
    definitions: dict[str, Any] = json.loads(re.sub(r'"#/\$defs/', '"#/components/schemas/', text))["$defs"]
    for of_commands in ("document", "line", "failure"):
        del definitions[of_commands]
    by_vector = {"required": ["embedding_space"], "properties": {"embedding_space": {"type": "string"}}}
    definitions["question"]["oneOf"].append(by_vector)
    definitions["match"]["required"].append("image_url")
    definitions["match"]["properties"]["image_url"] = _IMAGE_URL
    return definitions


_TEXT = {"type": "string"}
_IMAGE_URL = {"description": "Where its picture is found; null without one.", "type": ["string", "null"]}
_UNIT_VECTOR = {"description": "Unit length.", "type": "array", "minItems": 1, "items": {"type": "number"}}

_OWN_COMPONENTS: Mapping[str, Any] = {
    "Problem": {
        "description": "RFC 9457.",
        "type": "object",
        "required": ["type", "title", "status", "detail", "instance"],
        "properties": {
            "type": {"description": "A chapter of the documentation; stable.", "type": "string"},
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
            "instance": _TEXT,
            "request_id": _TEXT,
        },
    },
    "Identification": {
        "description": "What `edge-identify --jsonl` prints of one question, and where pictures are found.",
        "type": "object",
        "required": ["schema", "pack", "encoder"],
        "properties": {
            "schema": {"const": 1},
            "pack": component("pack"),
            "encoder": component("encoder"),
            "left_out": {
                "description": "Of several photos those that could not be used; not there where all could.",
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["photo", "error"],
                    "properties": {"photo": _TEXT, "error": _TEXT},
                },
            },
        },
        "allOf": [component("answer")],
    },
    "Embedding": {
        "type": "object",
        "required": ["embedding", "dim", "model", "embedding_space", "encoder", "pack", "device"],
        "properties": {
            "embedding": _UNIT_VECTOR,
            "dim": {"type": "integer", "minimum": 1},
            "model": _TEXT,
            "embedding_space": {
                "description": "Only vectors with the same id may be compared.",
                "type": "string",
                "pattern": "^[0-9a-f]{64}$",
            },
            "encoder": component("encoder"),
            "pack": component("pack"),
            "device": _TEXT,
        },
    },
    "Pack": {
        "type": "object",
        "required": [
            "name", "version", "title", "references", "pictures", "model", "embedding_space", "dim", "encoder",
            "device", "decides", "answers_texts", "has_thumbnails",
        ],
        "properties": {
            "name": _TEXT,
            "version": _TEXT,
            "title": _TEXT,
            "references": {"type": "integer", "minimum": 0},
            "pictures": {"type": "integer", "minimum": 0},
            "model": _TEXT,
            "embedding_space": _TEXT,
            "dim": {"type": "integer", "minimum": 1},
            "encoder": component("encoder"),
            "device": _TEXT,
            "decides": {"description": "Whether it is calibrated for that encoder.", "type": "boolean"},
            "answers_texts": {"type": "boolean"},
            "has_thumbnails": {"type": "boolean"},
        },
    },
    "Reference": {
        "type": "object",
        "required": [
            "pack", "id", "name", "namespace", "labels", "location", "url", "licence", "attributes", "image_url",
            "pictures",
        ],
        "properties": {
            "pack": component("pack"),
            "id": _TEXT,
            "name": _TEXT,
            "namespace": _TEXT,
            "labels": component("texts"),
            "location": {"type": ["object", "null"]},
            "url": {"type": ["string", "null"]},
            "licence": {"type": ["string", "null"]},
            "attributes": component("texts"),
            "image_url": _IMAGE_URL,
            "pictures": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["sha256", "thumbnail"],
                    "properties": {
                        "sha256": {"description": "Of the picture's file, which is not in the pack.", "type": "string"},
                        "thumbnail": {"description": "Its address; null without one.", "type": ["string", "null"]},
                        **{
                            name: {"type": ["string", "null"]}
                            for name in ("type", "filename", "path", "extension", "licence", "provenance")
                        },
                    },
                },
            },
        },
    },
}  # fmt: skip
