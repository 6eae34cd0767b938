"""Requests that name no pack, on a server with several: all packs are asked, or the default one."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from installed_packs import COLD, WARM, install, write_named_pack

from edge_identify.edge_runtime.encoders.onnx_encoder import OnnxEncoder
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest, serialise_manifest
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.sync_server.answering.concurrency_limit import ConcurrencyLimit
from edge_identify.sync_server.answering.engine_pool import EnginePool
from edge_identify.sync_server.answering.pack_sources import InstalledPacks, PublishedPacks
from edge_identify.sync_server.publishing.folder_tree import FolderTree
from edge_identify.sync_server.publishing.publish import publish
from edge_identify.sync_server.service.app import create_app
from service_packs import photo_of, write_service_pack

RED, BLUE, GREY = photo_of((250, 0, 0)), photo_of((0, 0, 250)), photo_of((120, 120, 120))


@contextmanager
def serving(source: InstalledPacks | PublishedPacks, *, default_pack: str | None = None) -> Iterator[FlaskClient]:
    pool = EnginePool([source], ConcurrencyLimit(2, patience_s=10), default_pack=default_pack)
    pool.refresh()
    try:
        yield create_app(None, pool=pool).test_client()
    finally:
        pool.close()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> InstalledPacks:
    """Two packs with one encoder: of images alone."""
    folder = tmp_path_factory.mktemp("several")
    store = PackStore(folder / "store")
    install(store, write_named_pack(folder / "cold", "cold", COLD))
    install(store, write_named_pack(folder / "warm", "warm", WARM))
    return InstalledPacks(store)


@pytest.fixture(scope="module")
def service(source: InstalledPacks) -> Iterator[FlaskClient]:
    with serving(source) as client:
        yield client


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """Two packs with texts and thumbnails; `pale` is uncalibrated, and of another embedding space."""
    folder = tmp_path_factory.mktemp("full")
    pale = write_service_pack(folder / "pale", name="pale", calibrated=False)
    manifest = parse_manifest((pale / MANIFEST_NAME).read_bytes(), where="test")
    manifest = replace(manifest, model=replace(manifest.model, space_id="d" * 64))
    (pale / MANIFEST_NAME).write_bytes(serialise_manifest(manifest))
    for pack in (pale, write_service_pack(folder / "letters")):
        publish(pack, folder / "repo", now_utc=datetime(2026, 1, 31, tzinfo=UTC))
    (folder / "work").mkdir()
    with serving(PublishedPacks(FolderTree(folder / "repo"), folder / "work")) as client:
        yield client


def ask(client: FlaskClient, path: str, *photos: bytes, status: int = 200, **fields: str) -> Any:
    files = [(io.BytesIO(photo), f"{at}.jpg") for at, photo in enumerate(photos)]
    response = client.post(path, data={"file": files, **fields})
    assert response.status_code == status, response.text
    return json.loads(response.data)


@pytest.mark.parametrize(("photo", "pack"), [(RED, "warm"), (BLUE, "cold")])
@pytest.mark.parametrize("path", ["/v1/identify", "/v1/search"])
def test_a_request_without_a_pack_is_answered_by_the_pack_that_knows_the_thing(
    service: FlaskClient, path: str, photo: bytes, pack: str
) -> None:
    found, alone = ask(service, path, photo), ask(service, path, photo, pack=pack)

    assert found["pack"] == alone["pack"] == {"name": pack, "version": "1.0.0"}
    assert (found["decision"], found["matches"]) == (alone["decision"], alone["matches"])


def test_the_packs_share_one_encoder_and_one_embedding(source: InstalledPacks, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, embedded = [], []
    load, embed = OnnxEncoder.__init__, OnnxEncoder.embed

    def counted_load(self: OnnxEncoder, path: Path, **options: Any) -> None:
        loaded.append(path)
        load(self, path, **options)

    def counted_embed(self: OnnxEncoder, batch: np.ndarray) -> np.ndarray:
        embedded.append(len(batch))
        return embed(self, batch)

    monkeypatch.setattr(OnnxEncoder, "__init__", counted_load)
    monkeypatch.setattr(OnnxEncoder, "embed", counted_embed)
    with serving(source) as client:
        ask(client, "/v1/identify", BLUE)  # loads the engines, of which each asks itself one question first
        embedded.clear()
        ask(client, "/v1/identify", BLUE)

    assert (len(loaded), embedded) == (1, [1])


def test_several_photos_of_one_thing_have_one_answer_and_name_what_is_left_out(service: FlaskClient) -> None:
    found = ask(service, "/v1/identify", BLUE, b"no photo", BLUE)

    assert found["pack"]["name"] == "cold"
    assert found["photos"] == ["0.jpg", "2.jpg"]
    assert [one["photo"] for one in found["left_out"]] == ["1.jpg"]
    assert ask(service, "/v1/identify", b"none", b"none", status=422)["type"] == "/docs#unusable-picture"


def test_a_default_pack_answers_alone_and_a_name_goes_before_it(source: InstalledPacks) -> None:
    with serving(source, default_pack="warm") as client:
        assert ask(client, "/v1/identify", BLUE)["pack"]["name"] == "warm"
        assert ask(client, "/v1/identify", BLUE, pack="cold")["pack"]["name"] == "cold"
        assert json.loads(client.get("/").data)["default_pack"] == "warm"
        page = client.get("/", headers={"Accept": "text/html"}).text
        assert "Without <code>pack</code>, the pack <code>warm</code> answers." in page


def test_the_page_says_who_answers_without_a_pack(service: FlaskClient) -> None:
    page = service.get("/", headers={"Accept": "text/html"}).text

    assert "Without <code>pack</code>, all packs are asked, and the most certain answer is returned." in page
    assert "curl -F file=@photo.jpg http://localhost/v1/identify" in page
    assert "curl -F file=@photo.jpg -F pack=cold http://localhost/v1/identify" in page


def test_packs_that_do_not_know_a_filter_are_left_out(service: FlaskClient) -> None:
    assert ask(service, "/v1/identify", BLUE, namespace="warm")["pack"]["name"] == "warm"

    detail = ask(service, "/v1/identify", BLUE, namespace="hot", status=404)["detail"]
    assert "cold: the pack has no namespace 'hot'" in detail
    assert "warm: the pack has no namespace 'hot'" in detail


def test_texts_are_asked_of_all_packs(service: FlaskClient, full: FlaskClient) -> None:
    found = full.post("/v1/search", json={"text": "red"}).json
    assert found is not None
    assert found["matches"][0]["id"] == "red"
    assert found["pack"]["name"] in ("letters", "pale")

    by_name = service.post("/v1/search", json={"text": "orange"}).json
    assert by_name is not None
    assert by_name["pack"]["name"] == "warm"
    nothing = service.post("/v1/search", json={"text": "violet"}).json
    assert nothing is not None
    assert nothing["matches"] == []


def test_a_vector_is_asked_of_the_packs_of_its_space(full: FlaskClient) -> None:
    def search(space: str) -> Any:
        return full.post("/v1/search", json={"embedding": [0, 0, 1], "embedding_space": space})

    assert search("d" * 64).json["pack"]["name"] == "pale"
    assert search("c" * 64).json["pack"]["name"] == "letters"
    assert search("e" * 64).status_code == 422
    assert "that of none of the packs" in search("e" * 64).json["detail"]


def test_vectors_need_one_space(service: FlaskClient, full: FlaskClient) -> None:
    assert len(ask(service, "/v1/embed/image", BLUE)["embedding"]) == 3
    assert len(ask(service, "/embed-image", BLUE)["embedding"]) == 3
    for path in ("/v1/embed/image", "/embed-image"):
        assert "choose one with `pack`: letters, pale" in ask(full, path, BLUE, status=422)["detail"]


def test_geometry_is_compared_in_every_pack_with_thumbnails(full: FlaskClient, service: FlaskClient) -> None:
    pytest.importorskip("cv2")

    found = ask(full, "/v1/identify", BLUE, verify_geometry="true")
    assert found["pack"]["name"] == "letters"
    assert found["matches"][0]["matched_points"] is not None
    assert "has no thumbnails" in ask(service, "/v1/identify", BLUE, verify_geometry="true", status=422)["detail"]


def test_the_addresses_of_older_clients_answer_without_a_pack(full: FlaskClient) -> None:
    assert ask(full, "/identify", BLUE)["matches"][0]["flash_id"] == "blue/2"
    assert ask(full, "/visual-search/", BLUE)["results"][0]["id"] == "blue/2"
    base = "/api/demo_backend_v2/image_search"
    assert ask(full, f"{base}/search_by_image", BLUE)[0]["folder"] == "nature"
    for path, body, status in [
        (f"{base}/search", {"query": "red"}, 200),
        ("/api/v1/search", {"text": "red"}, 200),
        ("/api/v1/vectors/search", {"embedding": [0, 0, 1]}, 422),  # which of the two spaces?
    ]:
        assert full.post(path, json=body).status_code == status, path
