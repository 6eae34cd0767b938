"""Health, readiness, metrics, logs, request ids, rate limit, and set-ups with little to serve."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from edge_identify.edge_runtime.sync.listing import blob_path
from edge_identify.sync_server.publishing.publish import publish
from live_service import Client, live, running
from service_packs import photo_of, write_service_pack

RED = photo_of((255, 0, 0))
NOW = datetime(2026, 1, 31, tzinfo=UTC)


def test_alive_ready_and_healthy(service: Client) -> None:
    assert service.get("/livez").json() == {"status": "ok"}
    assert service.get("/readyz").json() == {"status": "ok", "signatures": "unsigned"}
    health = service.get("/health").json()
    assert (health["model_loaded"], health["device"], health["packs"]) == (True, "cpu", 1)


def test_metrics_count_requests_and_stages(service: Client) -> None:
    service.post_file("/v1/identify", RED)
    service.get("/nowhere/at/all")
    answer = service.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    text = answer.data.decode()
    assert 'edge_request_seconds_count{method="POST",route="identify",status="200"}' in text
    assert 'edge_request_seconds_count{method="any",route="none",status="404"}' in text
    assert "nowhere" not in text, "addresses that clients make up would fill the memory"
    for stage in ("prepare", "encode", "search", "decide"):
        assert f'edge_stage_seconds_count{{stage="{stage}"}}' in text
    assert "edge_packs 1.0" in text
    if Path("/proc").is_dir():
        assert "process_resident_memory_bytes" in text


def test_embedding_is_inference_too_and_searches_nothing(service: Client) -> None:
    def count(stage: str) -> float:
        name = f'edge_stage_seconds_count{{stage="{stage}"}} '
        lines = service.get("/metrics").data.decode().splitlines()
        return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))

    before = {stage: count(stage) for stage in ("encode", "search")}
    assert service.post_file("/v1/embed/image", RED).status == 200
    assert service.post_file("/embed-image", RED).status == 200
    assert service.post_json("/v1/embed/text", {"text": "ra"}).status == 200
    assert {stage: count(stage) - before[stage] for stage in before} == {"encode": 3, "search": 0}


def test_each_request_has_an_id_that_its_answer_and_its_log_share(service: Client) -> None:
    given = service.get("/health", X_Request_ID="my-id.1")
    made = service.get("/health")
    hostile = service.get("/health", X_Request_ID='"; drop\x0b')
    assert given.headers["X-Request-ID"] == "my-id.1"
    assert len({made.headers["X-Request-ID"], hostile.headers["X-Request-ID"]}) == 2
    assert all(len(answer.headers["X-Request-ID"]) == 32 for answer in (made, hostile))

    def logged() -> list[dict[str, object]]:
        return [line for line in map(json.loads, service.lines) if line.get("request_id") == "my-id.1"]

    end = time.monotonic() + 10
    while not logged() and time.monotonic() < end:
        time.sleep(0.01)
    (line,) = logged()
    assert {"time", "level", "event", "route", "method", "status", "ms"} <= line.keys()
    assert (line["route"], line["status"], line["level"]) == ("health", 200, "info")


def test_logs_say_nothing_of_what_was_asked(service: Client) -> None:
    service.post_json("/v1/search", {"text": "a secret question"})
    service.post_file("/v1/identify?secret=1", RED, name="secret.jpg")
    service.get("/health", X_Request_ID="after-the-secret")
    end = time.monotonic() + 10
    while not any("after-the-secret" in line for line in service.lines) and time.monotonic() < end:
        time.sleep(0.01)
    assert any("after-the-secret" in line for line in service.lines)
    assert not any("secret" in line.replace("after-the-secret", "") for line in service.lines)


def test_only_pages_of_one_s_own_may_read_answers(service: Client, service_pack: Path) -> None:
    reference = "/v1/packs/letters/references/red"
    assert "Access-Control-Allow-Origin" not in service.post_file("/v1/identify", RED).headers
    assert "Access-Control-Allow-Origin" not in service.get(reference).headers, "it may hold a signed address"
    assert service.get("/packs.json").headers["Access-Control-Allow-Origin"] == "*"
    origin = "https://app.example.org"
    with live("--repo", str(service_pack.parent / "repo"), "--allow-origin", origin) as own:
        answer = own.post_file("/v1/identify", RED)
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, origin)
        before = own.request("OPTIONS", "/v1/search")
        assert "Content-Type" in before.headers["Access-Control-Allow-Headers"]
        assert own.get("/packs.json").headers["Access-Control-Allow-Origin"] == "*"
        assert own.get(reference).headers["Access-Control-Allow-Origin"] == origin


def test_a_rate_is_kept_for_questions_alone(service_pack: Path) -> None:
    with live("--repo", str(service_pack.parent / "repo"), "--rate-per-minute", "2") as limited:
        answers = [limited.post_json("/v1/search", {"text": "ra"}) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert answers[2].problem == "too-many-requests"
        assert 1 <= int(answers[2].headers["Retry-After"]) <= 30
        assert limited.get("/packs.json").status == 200
        assert limited.get("/v1/packs/letters/references/red").problem == "too-many-requests"


def test_a_new_version_answers_without_a_restart(tmp_path: Path) -> None:
    publish(write_service_pack(tmp_path / "pack"), tmp_path / "repo", now_utc=NOW)
    with live("--repo", str(tmp_path / "repo"), "--refresh-s", "0.1") as client:
        assert client.post_file("/v1/identify", RED).json()["pack"]["version"] == "1.0.0"
        publish(write_service_pack(tmp_path / "newer", version="1.1.0"), tmp_path / "repo", now_utc=NOW)
        statuses, versions, end = set(), [], time.monotonic() + 30
        while "1.1.0" not in versions and time.monotonic() < end:
            answer = client.post_file("/v1/identify", RED)
            statuses.add(answer.status)
            versions.append(answer.json()["pack"]["version"])
    assert statuses == {200}
    assert versions[-1] == "1.1.0"


def test_a_pack_that_cannot_be_opened_is_not_ready_and_is_still_delivered(
    small_pack: Callable[..., Path], tmp_path: Path
) -> None:
    pack = small_pack(tmp_path / "pack")  # looks like a pack; its encoder is none
    publish(pack, tmp_path / "repo", now_utc=NOW)
    with running("--port", "0", "--repo", str(tmp_path / "repo")) as (process, url):
        client = Client(url, process)
        end = time.monotonic() + 30
        while not client.lines and time.monotonic() < end:
            time.sleep(0.05)
        assert json.loads(client.lines[0])["event"] == "a pack cannot be opened"
        assert (client.get("/readyz").status, client.get("/livez").status) == (503, 200)
        assert client.get("/health").json()["model_loaded"] is False
        assert client.post_file("/v1/identify", RED).problem == "unavailable"
        blob = read_manifest(pack).files["index.faiss"].sha256
        assert client.get(f"/{blob_path(blob)}").status == 200
        client.close()


def test_one_may_deliver_and_answer_nothing(service_pack: Path) -> None:
    with live("--repo", str(service_pack.parent / "repo"), "--deliver-only") as client:
        assert client.get("/packs.json").status == 200
        assert client.post_file("/v1/identify", RED).status == 404
        assert client.get("/health").json()["model_loaded"] is False
        assert "/v1/identify" not in client.get("/openapi.json").json()["paths"]


def test_settings_come_from_a_file_the_environment_and_flags(service_pack: Path, tmp_path: Path) -> None:
    (tmp_path / "service.toml").write_text(
        f'repo = "{service_pack.parent}/repo"\nrate_per_minute = 1\nmax_body_mib = 1\n'
    )
    env = {**os.environ, "EDGE_SERVE_RATE_PER_MINUTE": "2", "LOG_LEVEL": "INFO"}
    with live("--config", str(tmp_path / "service.toml"), "--max-body-mib", "2", env=env) as client:
        statuses = [client.post_file("/v1/identify", bytes(1_500_000)).status for _ in range(3)]
        assert statuses == [422, 422, 429]
        assert any('"event": "request"' in line for line in client.lines)


@pytest.mark.parametrize(
    ("header", "status", "kind"),
    [
        (b"Content-Length: x", 400, b"malformed-request"),
        (b"Transfer-Encoding: nonsense", 501, b"not-implemented"),
        (b"X-Long: " + b"x" * 2**18, 431, b"headers-too-large"),  # just beyond: the rest is read, and the line not cut
    ],
)
def test_http_that_is_none_is_answered_with_a_problem(service: Client, header: bytes, status: int, kind: bytes) -> None:
    with socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2])), timeout=10) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n")
        answer = line.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 %d " % status) or answer.startswith(b"HTTP/1.0 %d " % status)
    assert b"Content-Type: application/problem+json" in answer
    assert b"/docs#" + kind in answer
