"""The JSON Schemas of the OpenAPI document (`#/components/schemas`)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_identify.edge_runtime.answers import answer_json
from edge_identify.edge_runtime.answers.answer_json import SCHEMA

_ANSWER_SCHEMA = Path(answer_json.__file__).with_name("answer.schema.json")


def component(name: str) -> dict[str, str]:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def components() -> dict[str, Any]:
    """Return all schemas by name."""
    return {**_answer_components(), **_OWN_COMPONENTS}


def _answer_components() -> dict[str, Any]:
    """Return the definitions of `answer.schema.json`, with `image_url` and queries by vector added."""
    text = _ANSWER_SCHEMA.read_text(encoding="utf-8")
    definitions: dict[str, Any] = json.loads(re.sub(r'"#/\$defs/', '"#/components/schemas/', text))["$defs"]
    for of_commands in ("document", "line", "failure", "schema"):
        del definitions[of_commands]
    for always_known in ("pack", "encoder"):  # here, each answer is a document of its own
        del definitions["answer"]["properties"][always_known]
    del definitions["askedPack"], definitions["askedEncoder"]
    by_vector = {"required": ["embedding_space"], "properties": {"embedding_space": {"type": "string"}}}
    definitions["question"]["oneOf"].append(by_vector)
    definitions["match"]["required"].append("image_url")
    definitions["match"]["properties"]["image_url"] = _IMAGE_URL
    return definitions


_TEXT = {"type": "string"}
_IMAGE_URL = {"description": "Address of the reference's image; null if there is none.", "type": ["string", "null"]}
_UNIT_VECTOR = {"description": "Unit length.", "type": "array", "minItems": 1, "items": {"type": "number"}}

_REFERENCE_IMAGE = {
    "type": "object",
    "required": ["sha256", "thumbnail"],
    "properties": {
        "sha256": {"description": "SHA-256 of the image file. The file is not in the pack.", "type": "string"},
        "thumbnail": {"description": "Path of the thumbnail; null if there is none.", "type": ["string", "null"]},
        **{
            name: {"type": ["string", "null"]}
            for name in ("type", "filename", "path", "extension", "licence", "provenance")
        },
    },
}

_OWN_COMPONENTS: Mapping[str, Any] = {
    "Problem": {
        "description": "RFC 9457.",
        "type": "object",
        "required": ["type", "title", "status", "detail", "instance"],
        "properties": {
            "type": {"description": "Section of the documentation. Stable.", "type": "string"},
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
            "instance": _TEXT,
            "request_id": _TEXT,
        },
    },
    "Identification": {
        "description": "The JSON of `edge-identify --jsonl` for one query, with image URLs.",
        "type": "object",
        "required": ["schema", "pack", "encoder"],
        "properties": {
            "schema": {"const": SCHEMA},
            "pack": component("pack"),
            "encoder": component("encoder"),
            "left_out": {
                "description": "Photos of the request that could not be used. Absent if there are none.",
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
                "description": "Compare only vectors with the same id.",
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
            "decides": {"description": "Whether the pack is calibrated for this encoder.", "type": "boolean"},
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
                "items": _REFERENCE_IMAGE,
            },
        },
    },
}  # fmt: skip
