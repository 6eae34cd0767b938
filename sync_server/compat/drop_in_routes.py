"""The routes of the five older services.

Each has the parameters and response fields of the service that it replaces. `/` and `/health` are in
`service.status_routes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_identify.sync_server.compat.bucket_search import bucket_search_routes
from edge_identify.sync_server.compat.embedding_service import embedding_service_route
from edge_identify.sync_server.compat.flash_identifier import flash_identifier_route
from edge_identify.sync_server.compat.vector_store import vector_store_routes
from edge_identify.sync_server.compat.visual_search import visual_search_route

if TYPE_CHECKING:
    from edge_identify.sync_server.answering.engine_pool import EnginePool
    from edge_identify.sync_server.contract.operation import Route
    from edge_identify.sync_server.delivery.image_urls import ImageUrls


def drop_in_routes(pool: EnginePool, image_urls: ImageUrls) -> list[Route]:
    """Return the routes.

    Args:
        pool: The open packs.
        image_urls: Gives the image URLs.
    """
    return [
        flash_identifier_route(pool, image_urls),
        embedding_service_route(pool),
        *bucket_search_routes(pool, image_urls),
        visual_search_route(pool),
        *vector_store_routes(pool, image_urls),
    ]
