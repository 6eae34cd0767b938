"""`/v1/packs` on a live server: packs, references, thumbnails."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.sync_server.publishing.publish import publish
from live_service import Client, live
from service_packs import write_service_pack

SPACE = "c" * 64


def test_packs_and_references_can_be_looked_at(service: Client) -> None:
    (pack,) = service.get("/v1/packs").json()["packs"]
    assert pack == {
        "name": "letters",
        "version": "1.0.0",
        "title": "Four colours",
        "references": 4,
        "pictures": 5,
        "model": "mean-colour/none",
        "embedding_space": SPACE,
        "dim": 3,
        "encoder": "onnx-fp32",
        "device": "cpu",
        "decides": True,
        "answers_texts": True,
        "has_thumbnails": True,
    }
    more = service.get("/v1/packs/letters").json()
    assert more == pack | {"namespaces": ["Paris", "nature"], "label_kinds": ["label"]}
    reference = service.get("/v1/packs/letters/references/blue%2F2").json()
    assert (reference["name"], reference["labels"], reference["location"]) == ("Pure blue", {"label": "cold"}, None)
    (image,) = service.get("/v1/packs/letters/references/green").json()["pictures"]
    assert (image["path"], image["filename"], image["type"]) == ("art/green.png", "green.png", "PNG")
    (image,) = reference["pictures"]
    assert image["path"] is None
    thumbnail = service.get(image["thumbnail"])
    assert thumbnail.headers["Content-Type"] == "image/webp"
    red, green, blue = Image.open(io.BytesIO(thumbnail.data)).convert("RGB").getpixel((5, 5))  # type: ignore[misc]
    assert blue > 200
    assert max(red, green) < 60


@pytest.mark.parametrize(
    "path",
    [
        "/v1/packs/none",
        "/v1/packs/letters/references/none",
        "/v1/packs/letters/references/",
        "/v1/packs/letters/thumbnails/99",
        "/v1/packs/letters/thumbnails/x",
        "/v1/packs/letters/thumbnails/-1",
        "/v1/packs/%00",
        "/v1/packs/..%2f..",
    ],
)
def test_what_no_pack_has_is_not_found(service: Client, path: str) -> None:
    answer = service.get(path)
    assert (answer.status, answer.problem) == (404, "not-found")


def test_a_thumbnail_that_is_larger_than_its_pack_says_is_not_sent(tmp_path: Path) -> None:
    pack = write_service_pack(tmp_path / "pack")
    values = json.loads((pack / MANIFEST_NAME).read_bytes())
    values["thumbnails"]["side_px"] = 1
    (pack / MANIFEST_NAME).write_text(json.dumps(values))
    publish(pack, tmp_path / "repo", now_utc=datetime(2026, 1, 31, tzinfo=UTC))

    with live("--repo", str(tmp_path / "repo")) as client:
        answer = client.get("/v1/packs/letters/thumbnails/1")

    assert (answer.status, answer.problem) == (503, "unavailable")
