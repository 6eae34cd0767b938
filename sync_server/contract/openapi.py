"""The OpenAPI 3.1 document, generated from the operations that also check requests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from edge_identify import __version__
from edge_identify.edge_runtime.photos.image_opening import FORMATS
from edge_identify.sync_server.contract.openapi_components import component, components
from edge_identify.sync_server.contract.operation import Body, Operation, RequestField, ResponseSpec
from edge_identify.sync_server.contract.problem_kinds import (
    FAULT,
    INVALID,
    MALFORMED,
    MISDIRECTED,
    NOT_FOUND,
    TIMEOUT,
    TOO_LARGE,
    TOO_MANY,
    UNAVAILABLE,
    UNUSABLE_IMAGE,
    WRONG_TYPE,
    ProblemKind,
)
from edge_identify.sync_server.contract.value_kinds import ImageFile

PROBLEM_JSON = "application/problem+json"
_OF_ANY_ROUTE = (NOT_FOUND, TIMEOUT, MISDIRECTED, FAULT, UNAVAILABLE)
_WITH_A_BODY = (MALFORMED, TOO_LARGE, WRONG_TYPE, INVALID)

TAGS = {
    "identify": "What a photo shows; references by text, image or vector.",
    "embed": "Unit vectors for a database with cosine distance. Each names its embedding space.",
    "packs": "The open packs, their references and thumbnails.",
    "drop-in": "Routes of older services, with their parameters and fields. They return matches with scores, and no "
    "decision: `/v1/identify` tells `identified` from `probably` and `unknown`.",
    "delivery": "The published packs as devices download them: static files, which any static host can serve.",
    "app": "The field app: a web page that installs packs and identifies photos on the device.",
    "operation": "Health, readiness, metrics and documentation.",
}


def openapi_document(operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the OpenAPI document of operations, JSON-serialisable."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Edge-Identify",
            "version": __version__,
            "summary": "Identify what a photo shows, from packs of references.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": paths,
        "components": {"schemas": components()},
    }


def problems_of(operation: Operation) -> tuple[ProblemKind, ...]:
    """Return the problem kinds that an operation may answer with, sorted by status."""
    with_body = _WITH_A_BODY if operation.bodies else ()
    checked = (INVALID,) if operation.bodies or operation.in_query else ()
    counted = (TOO_MANY,) if operation.is_question else ()
    images = (UNUSABLE_IMAGE,) if any(isinstance(one.kind, ImageFile) for one in _fields(operation)) else ()
    found = (*_OF_ANY_ROUTE, *with_body, *checked, *counted, *images, *operation.problems)
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
    images = [one.name for one in body.fields if isinstance(one.kind, ImageFile)]
    if images:
        formats = ", ".join(f"image/{name.lower()}" for name in FORMATS)
        media_type["encoding"] = {name: {"contentType": formats} for name in images}
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
