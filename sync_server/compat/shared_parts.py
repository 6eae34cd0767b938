"""Parts that the older services' routes share: JSON Schemas, fields, filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters
from edge_identify.sync_server.answering.pack_routes import image_url
from edge_identify.sync_server.answering.request_fields import MOST_ANSWERS, MOST_TEXT
from edge_identify.sync_server.contract.value_kinds import Integer, Text

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Match
    from edge_identify.sync_server.answering.pack_engine import PackEngine
    from edge_identify.sync_server.delivery.image_urls import ImageUrls

TAG = "drop-in"
COUNT = Integer(least=1, most=MOST_ANSWERS)
DESCRIPTION = Text(most=MOST_TEXT)
OPTIONAL_TEXT = {"type": ["string", "null"]}


def object_schema(**properties: Any) -> dict[str, Any]:
    """Return the JSON Schema of an object. All properties are required."""
    return {"type": "object", "required": list(properties), "properties": properties}


def list_schema(item: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a list."""
    return {"type": "array", "items": item}


def namespace_filter(name: str | None) -> Filters:
    """Return a filter for one namespace; None filters nothing."""
    return NO_FILTERS if name is None else Filters(namespaces=(name,))


def match_image_url(match: Match, engine: PackEngine, image_urls: ImageUrls) -> str | None:
    """Return the image URL of a match, or None."""
    return image_url(match.reference, match.index_id, match.picture, engine, image_urls)
