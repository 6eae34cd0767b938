"""A live server whose pack names a photo with the word probably: answer, metrics, routes of the older services."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_identify.edge_runtime.answers import answer_json
from edge_identify.sync_server.publishing.publish import publish
from json_schema import faults
from live_service import Client, live
from service_packs import add_certainty, photo_of, write_service_pack

RED, GREY = photo_of((255, 0, 0)), photo_of((120, 120, 120))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("probable")
    publish(
        add_certainty(write_service_pack(folder / "pack")), folder / "repo", now_utc=datetime(2026, 1, 31, tzinfo=UTC)
    )
    with live("--repo", str(folder / "repo")) as client:
        yield client


def test_a_probable_photo_is_named_as_its_schema_and_the_documentation_say(service: Client) -> None:
    found = service.post_file("/v1/identify", RED).json()

    assert (found["decision"], found["matches"][0]["id"], found["look_alikes"]) == ("probably", "red", None)
    assert found["matches"][0]["confidence"] == pytest.approx(0.97, abs=0.02)
    schema = json.loads(Path(answer_json.__file__).with_name("answer.schema.json").read_text(encoding="utf-8"))
    assert faults(found, schema, root=schema) == []
    components = service.get("/openapi.json").json()["components"]["schemas"]
    assert found["schema"] == components["Identification"]["properties"]["schema"]["const"] == 2
    assert "probably" in components["answer"]["properties"]["decision"]["enum"]
    assert "<code>probably</code>" in service.get("/docs").data.decode()


def test_decisions_are_counted(service: Client) -> None:
    def counts() -> dict[str, float]:
        lines = [line for line in service.get("/metrics").data.decode().splitlines() if "edge_decisions_total{" in line]
        return {line.split('"')[1]: float(line.split()[1]) for line in lines}

    before = counts()
    for photo in (RED, RED, GREY):
        service.post_file("/v1/identify", photo)
    service.post_file("/identify", RED)
    service.post_json("/v1/search", {"text": "ra"})
    after = counts()

    assert {word: after[word] - before[word] for word in after} == {
        "identified": 0, "probably": 3, "ambiguous": 0, "unknown": 1
    }  # fmt: skip


def test_older_services_get_a_probable_match_with_its_score(service: Client) -> None:
    flash = service.post_file("/identify", RED).json()["matches"][0]
    product = service.post_file("/visual-search/", RED).json()
    image = service.post_file("/api/demo_backend_v2/image_search/search_by_image", RED).json()[0]

    assert (flash["flash_id"], flash["confidence"]) == ("red", pytest.approx(0.97, abs=0.02))
    assert (product["results"][0]["id"], product["scores"][0]) == ("red", pytest.approx(1, abs=1e-3))
    assert (image["s3_path"], image["distance"]) == ("nature/red.jpg", pytest.approx(0, abs=0.05))
