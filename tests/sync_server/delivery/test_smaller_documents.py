"""Documents are sent with gzip to those who accept it, under an ETag of their own; blobs never."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from edge_identify.edge_runtime.sync.listing import blob_path
from edge_identify.sync_server.publishing.publish import publish
from edge_identify.sync_server.service.app import create_app
from signed_trees import sign_folder

GZIP = {"Accept-Encoding": "gzip"}
DOCUMENTS = ("packs.json", "manifests/street-art/1.0.0.json", "tuf/timestamp.json", "tuf/1.root.json")


@pytest.fixture
def client(small_pack: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    publish(small_pack(tmp_path / "pack"), tmp_path / "repo", now_utc=datetime(2026, 1, 31, tzinfo=UTC))
    sign_folder(tmp_path / "repo")
    return create_app(tmp_path / "repo").test_client()


def test_who_accepts_gzip_gets_the_same_document_smaller(client: FlaskClient) -> None:
    for path in DOCUMENTS:
        plain, packed = client.get(path), client.get(path, headers=GZIP)
        assert (plain.status_code, packed.status_code) == (200, 200)
        assert packed.headers["Content-Encoding"] == "gzip"
        assert "Content-Encoding" not in plain.headers
        assert len(packed.data) < len(plain.data)
        assert gzip.decompress(packed.data) == plain.data
        assert "Accept-Encoding" in packed.headers["Vary"]
        assert "Accept-Encoding" in plain.headers["Vary"]
        assert client.get(path, headers=GZIP).data == packed.data, "an ETag names bytes"
        unwanted = client.get(path, headers={"Accept-Encoding": "gzip;q=0, br"})
        assert "Content-Encoding" not in unwanted.headers


def test_each_form_has_its_etag_and_its_ranges(client: FlaskClient) -> None:
    plain, packed = client.get("packs.json"), client.get("packs.json", headers=GZIP)
    etag = packed.headers["ETag"]
    assert etag != plain.headers["ETag"]
    assert client.get("packs.json", headers=GZIP | {"If-None-Match": etag}).status_code == 304
    assert client.get("packs.json", headers={"If-None-Match": etag}).status_code == 200
    piece = client.get("packs.json", headers=GZIP | {"Range": "bytes=10-19", "If-Range": etag})
    assert (piece.status_code, piece.data) == (206, packed.data[10:20])
    other = client.get("packs.json", headers={"Range": "bytes=10-19", "If-Range": etag})
    assert (other.status_code, other.data) == (200, plain.data)


def test_a_blob_is_sent_as_it_is(client: FlaskClient, tmp_path: Path) -> None:
    for entry in read_manifest(tmp_path / "pack").files.values():
        assert "Content-Encoding" not in client.get(blob_path(entry.sha256), headers=GZIP).headers
