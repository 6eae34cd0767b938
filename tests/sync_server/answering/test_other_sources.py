"""Answers over HTTP from a device's store and from a bucket, by a real process."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_identify.edge_runtime.cli.main import main as identify
from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from edge_identify.edge_runtime.sync.listing import LISTING_NAME, blob_path
from edge_identify.sync_server.publishing.bucket_objects import Bucket
from edge_identify.sync_server.publishing.bucket_tree import BucketTree
from edge_identify.sync_server.publishing.publish import publish_into
from golden_packs import PHOTOS, golden_answers, golden_pack
from live_service import Client, live, running
from s3_server import CREDENTIALS, S3Server, s3_server
from service_packs import photo_of, write_service_pack

NOW = datetime(2026, 1, 31, tzinfo=UTC)
RED = photo_of((255, 0, 0))
ADDRESS = "s3://packs/street"
GOLDEN = "format-1-with-signs"


def published(pack: Path, server: S3Server) -> None:
    publish_into(pack, BucketTree(Bucket(ADDRESS, endpoint=server.endpoint)), now_utc=NOW)


def wait_for(client: Client, text: str) -> str:
    """Return the metrics as soon as they have a line with this prefix."""
    end = time.monotonic() + 60
    while True:
        metrics = client.get("/metrics").data.decode()
        if any(line.startswith(text) for line in metrics.splitlines()):
            return metrics
        assert time.monotonic() < end, metrics
        time.sleep(0.05)


def test_a_devices_store_answers(s3: S3Server, tmp_path: Path) -> None:
    published(golden_pack(GOLDEN), s3)
    assert identify(["sync", f"{s3.endpoint}/packs/street/", "--unsigned", "--store", str(tmp_path / "store")]) == 0
    photo = (golden_pack(GOLDEN) / PHOTOS[1]).read_bytes()
    with live("--store", str(tmp_path / "store")) as client:
        answer = client.post_file("/v1/identify", photo).json()
        assert answer["matches"][0]["id"] == golden_answers(GOLDEN)[PHOTOS[1]][0][0]
        assert answer["pack"] == {"name": "colours", "version": "1.0.0"}
        assert client.get("/packs.json").status == 404, "a store is not delivered"
        page = client.get("/", Accept="text/html").data.decode()
        assert "curl -F file=@photo.jpg http://127.0.0.1:" in page
        assert "edge-identify sync" not in page


def test_a_bucket_answers_and_its_newer_version_takes_over(s3: S3Server, service_pack: Path, tmp_path: Path) -> None:
    published(service_pack, s3)
    with live("--bucket", ADDRESS, "--endpoint", s3.endpoint, "--refresh-s", "0.1") as client:
        assert client.post_file("/v1/identify", RED).json()["matches"][0]["id"] == "red"
        assert client.post_file("/identify", RED).json()["matches"][0]["flash_id"] == "red"
        wait_for(client, 'edge_object_store_requests_total{operation="get",outcome="success"}')
        published(write_service_pack(tmp_path / "newer", version="1.1.0"), s3)
        end = time.monotonic() + 30
        while client.post_file("/v1/identify", RED).json()["pack"]["version"] != "1.1.0":
            assert time.monotonic() < end
        assert 'outcome="failure"' not in client.get("/metrics").data.decode()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("s3://nowhere/packs", "there is no bucket 'nowhere'"),
        ("s3://packs/typo", "s3://packs/typo: nothing is published there (no packs.json)"),
    ],
)
def test_a_bucket_without_packs_is_not_ready_and_the_log_says_why(s3: S3Server, address: str, reason: str) -> None:
    with running("--port", "0", "--bucket", address, "--endpoint", s3.endpoint) as (process, url):
        client = Client(url, process)
        end = time.monotonic() + 30
        while not client.lines and time.monotonic() < end:
            time.sleep(0.05)
        assert reason in client.lines[0]
        assert (client.get("/readyz").status, client.get("/livez").status) == (503, 200)
        client.close()


def test_a_bucket_that_fails_is_counted_and_the_pack_goes_on_answering(
    service_pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with s3_server() as server:
        server.make_bucket("packs", is_public=False)
        published(service_pack, server)
        with live("--bucket", ADDRESS, "--endpoint", server.endpoint, "--refresh-s", "0.1") as client:
            server.ask(f"/packs/street/{LISTING_NAME}", method="PUT", data=b"{")
            end = time.monotonic() + 30
            while not any("packs cannot be listed" in line for line in client.lines):
                assert time.monotonic() < end, client.lines
                time.sleep(0.05)
            assert client.post_file("/v1/identify", RED).status == 200
            server.ask("/moto-api/reset", method="POST")  # there is no bucket any more
            metrics = wait_for(client, 'edge_object_store_requests_total{operation="get",outcome="failure"}')
            assert "edge_packs 1.0" in metrics
            assert client.post_file("/v1/identify", RED).json()["matches"][0]["id"] == "red"


def test_a_damaged_object_is_never_opened(s3: S3Server, service_pack: Path, tmp_path: Path) -> None:
    published(service_pack, s3)
    with live("--bucket", ADDRESS, "--endpoint", s3.endpoint, "--refresh-s", "0.1") as client:
        pack = write_service_pack(tmp_path / "newer", version="1.1.0")
        bucket = Bucket(ADDRESS, endpoint=s3.endpoint)

        class Damaging(BucketTree):
            def write_listing(self, data: bytes) -> None:
                entry = read_manifest(pack).files["references.sqlite"]
                path, junk = blob_path(entry.sha256), bytes(entry.length_bytes)
                bucket.write(path, junk, content_type="application/octet-stream", cache_control="no-cache")
                super().write_listing(data)

        publish_into(pack, Damaging(bucket), now_utc=NOW)
        end = time.monotonic() + 30
        while not any("differs from the manifest" in line for line in client.lines):
            assert time.monotonic() < end, client.lines
            time.sleep(0.05)
        assert client.post_file("/v1/identify", RED).json()["pack"]["version"] == "1.0.0"
