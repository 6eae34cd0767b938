"""OpenAPI and `/docs` on a live server: all routes, with the limits of the request checks."""

from __future__ import annotations

import re
from typing import Any

import pytest

from edge_identify.sync_server.contract.problem_kinds import KINDS
from live_service import Client
from service_packs import photo_of

OURS = {"/v1/identify", "/v1/search", "/v1/embed/image", "/v1/embed/text", "/v1/packs", "/v1/packs/{name}"}
DROPPED_IN = {
    "/identify", "/embed-image", "/health", "/", "/api/demo_backend_v2/image_search/search",
    "/api/demo_backend_v2/image_search/search_by_image", "/visual-search/", "/api/v1/search", "/api/v1/vectors/search",
}  # fmt: skip


@pytest.fixture(scope="module")
def document(service: Client) -> dict[str, Any]:
    answer = service.get("/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def test_the_document_has_every_route_once(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert OURS | DROPPED_IN | {"/packs.json", "/metrics", "/livez", "/readyz"} <= document["paths"].keys()
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids)) >= 25


def test_every_reference_of_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if "$ref" in value else []
            return own + [one for item in value.values() for one in references(item)]
        return [one for item in value for one in references(item)] if isinstance(value, list) else []

    found = set(references(document))
    assert found
    assert {name.removeprefix("#/components/schemas/") for name in found} <= document["components"]["schemas"].keys()


def test_a_limit_of_the_document_is_the_limit_of_the_server(service: Client, document: dict[str, Any]) -> None:
    form = document["paths"]["/v1/identify"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    limit = form["properties"]["top_k"]["maximum"]
    assert form["required"] == ["file"]
    photo = photo_of((255, 0, 0))
    assert service.post_file("/v1/identify", photo, ("top_k", str(limit))).status == 200
    assert service.post_file("/v1/identify", photo, ("top_k", str(limit + 1))).status == 422


def test_the_page_has_every_route_and_problem_and_fetches_nothing(service: Client, document: dict[str, Any]) -> None:
    answer = service.get("/docs")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = answer.data.decode()
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"<code>{method.upper()} {path}</code>" in page
    for kind in KINDS:
        assert f'id="{kind.name}"' in page, "a problem's type leads to its chapter"
    assert "`" not in page
    assert "<code>near</code>" in page
    assert len(set(re.findall(r' id="([^"]+)"', page))) == page.count(' id="')
    assert not re.search(r"<(script|link|img|iframe)|@import|url\(|src=", page)
    assert service.get("/nowhere").json()["type"] == "/docs#not-found"
