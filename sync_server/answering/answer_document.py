"""An answer as the JSON object of `edge-identify --jsonl`, with the image URL of each match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_identify.edge_runtime.answers.answer_json import answer_as_document
from edge_identify.sync_server.answering.pack_routes import image_url, public_attributes

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import Identification
    from edge_identify.sync_server.answering.pack_engine import PackEngine
    from edge_identify.sync_server.delivery.image_urls import ImageUrls


def answer_document(found: Identification, engine: PackEngine, image_urls: ImageUrls) -> dict[str, Any]:
    """Return the JSON object of an answer.

    Args:
        found: The answer.
        engine: Of the pack that gave the answer.
        image_urls: Gives the image URLs.
    """
    document = answer_as_document(found, found)
    for written, match in zip(document["matches"], found.matches, strict=True):
        written["attributes"] = public_attributes(match.reference, image_urls)
        written["image_url"] = image_url(match.reference, match.index_id, match.picture, engine, image_urls)
    return document
