"""The HTTP service against RFC 9110 and against path traversal."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from edge_identify import __version__
from edge_identify.edge_runtime.io.durable_writes import sha256_of_bytes
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from edge_identify.edge_runtime.sync.listing import LISTING_NAME, PAGE_NAME, blob_path
from edge_identify.sync_server.contract.problem_responses import REFUSED
from edge_identify.sync_server.contract.server_address import address_in_answers
from edge_identify.sync_server.publishing.publish import publish
from edge_identify.sync_server.service.app import create_app
from edge_identify.sync_server.service.settings import Settings

NOW = datetime(2026, 1, 31, tzinfo=UTC)
DATA = bytes(range(100))
IMMUTABLE = "public, max-age=31536000, immutable"
MANIFEST_URL = "/manifests/street-art/1.0.0.json"


@pytest.fixture
def repo(small_pack: Callable[..., Path], tmp_path: Path) -> Path:
    pack = small_pack(tmp_path / "pack", payload={"index.faiss": DATA})
    publish(pack, tmp_path / "repo", now_utc=NOW)
    (tmp_path / "secret.json").write_text("secret")
    return tmp_path / "repo"


class ReadingClient(FlaskClient):
    """Reads each response to its end and closes it, like a web server."""

    def open(self, *args: Any, **options: Any) -> TestResponse:
        return super().open(*args, buffered=True, **options)


def _client(repo: Path, settings: Settings | None = None) -> FlaskClient:
    app = create_app(repo, settings=settings)
    app.test_client_class = ReadingClient
    return app.test_client()


@pytest.fixture
def client(repo: Path) -> FlaskClient:
    return _client(repo)


@pytest.fixture
def blob() -> str:
    return f"/{blob_path(sha256_of_bytes(DATA))}"


def test_a_blob_comes_whole_with_headers_that_let_it_be_kept_for_ever(client: FlaskClient, blob: str) -> None:
    answer = client.get(blob)
    assert (answer.status_code, answer.data) == (200, DATA)
    assert answer.headers["ETag"] == f'"{sha256_of_bytes(DATA)}"'
    assert answer.headers["Cache-Control"] == IMMUTABLE
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Length"] == "100"
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_a_manifest_is_the_exact_bytes_of_the_pack(client: FlaskClient, tmp_path: Path) -> None:
    answer = client.get(MANIFEST_URL)
    assert answer.data == (tmp_path / "pack" / MANIFEST_NAME).read_bytes()
    assert answer.headers["ETag"] == f'"{sha256_of_bytes(answer.data)}"'
    assert answer.headers["Cache-Control"] == IMMUTABLE
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "file", "content_type"),
    [
        ("/index.html", PAGE_NAME, "text/html; charset=utf-8"),
        ("/packs.json", LISTING_NAME, "application/json"),
    ],
)
def test_the_listing_and_its_page_are_asked_for_each_time(
    client: FlaskClient, repo: Path, path: str, file: str, content_type: str
) -> None:
    answer = client.get(path)
    assert answer.data == (repo / file).read_bytes()
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Content-Type"] == content_type
    assert client.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_browser_at_an_empty_server_reads_how_to_publish(tmp_path: Path) -> None:
    page = _client(tmp_path).get("/", headers=BROWSER)

    assert page.status_code == 200
    assert "edge-serve publish --pack DIR --repo DIR" in page.text


def test_pages_name_the_address_that_the_browser_came_by(repo: Path) -> None:
    client = _client(repo, Settings(allowed_hosts="packs.example.org"))
    for path in ("/", "/docs"):
        page = client.get(path, base_url="https://packs.example.org:8443/", headers=BROWSER).text
        assert "https://packs.example.org:8443" in page
        assert "http://localhost" not in page
        assert ":8000" not in page


def test_a_hostile_host_name_is_only_text(repo: Path) -> None:
    client = _client(repo, Settings(host="0.0.0.0"))
    for path in ("/", "/docs"):
        page = client.get(path, headers={"Host": "a<script>b", **BROWSER}).text
        assert "<script" not in page


def test_a_browser_sees_a_page_at_the_root_and_a_program_the_service(client: FlaskClient) -> None:
    page = client.get("/", headers=BROWSER)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<code>street-art</code> 1.0.0" in page.text
    assert "edge-identify sync http://localhost --unsigned\n" in page.text
    assert "/v1/identify" not in page.text, "this server answers no requests"
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        answer = client.get("/", headers=headers)
        assert json.loads(answer.data)["service"] == "edge-identify"
        assert answer.headers["Vary"] == "Accept"


@pytest.mark.parametrize("path", ["/", "/packs.json", MANIFEST_URL, "blob", "/health", "/nowhere"])
def test_every_answer_may_be_read_by_web_clients_and_is_not_guessed_at(
    client: FlaskClient, blob: str, path: str
) -> None:
    answer = client.get(blob if path == "blob" else path)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Content-Range" in answer.headers["Access-Control-Expose-Headers"]


def test_a_browser_may_ask_before_it_sends_a_range(client: FlaskClient, blob: str) -> None:
    answer = client.options(blob, headers={"Access-Control-Request-Headers": "if-range"})
    assert answer.status_code == 200
    assert "If-Range" in answer.headers["Access-Control-Allow-Headers"]


def test_head_gives_the_headers_of_get_and_no_body(client: FlaskClient, blob: str) -> None:
    for headers in ({}, {"Range": "bytes=0-9"}):
        answer = client.head(blob, headers=headers)
        assert (answer.status_code, answer.data) == (200, b"")
        assert answer.headers["Content-Length"] == "100"
        assert answer.headers["ETag"] == client.get(blob).headers["ETag"]


@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
def test_what_the_client_has_is_not_sent_again(client: FlaskClient, blob: str, form: str) -> None:
    tag = form.replace("{}", sha256_of_bytes(DATA))
    for method in (client.get, client.head):
        answer = method(blob, headers={"If-None-Match": tag, "Range": "bytes=0-9"})
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["ETag"] == f'"{sha256_of_bytes(DATA)}"'
        assert answer.headers["Cache-Control"] == IMMUTABLE


def test_another_tag_gets_the_whole(client: FlaskClient, blob: str) -> None:
    assert client.get(blob, headers={"If-None-Match": '"other"'}).data == DATA


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [("bytes=10-19", 10, 19), ("bytes=90-", 90, 99), ("bytes=-5", 95, 99), ("bytes=0-500", 0, 99)],
)
def test_one_piece_is_sent_as_one_piece(client: FlaskClient, blob: str, header: str, first: int, last: int) -> None:
    answer = client.get(blob, headers={"Range": header})
    assert (answer.status_code, answer.data) == (206, DATA[first : last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/100"
    assert answer.headers["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("header", ["bytes=0-1,5-6", "bytes=5-2", "bytes=x", "lines=1-2"])
def test_several_pieces_or_none_that_can_be_read_get_the_whole(client: FlaskClient, blob: str, header: str) -> None:
    answer = client.get(blob, headers={"Range": header})
    assert (answer.status_code, answer.data) == (200, DATA)
    assert "Content-Range" not in answer.headers


def test_a_piece_behind_the_end_is_416_with_the_length(client: FlaskClient, blob: str) -> None:
    answer = client.get(blob, headers={"Range": "bytes=100-"})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == "bytes */100"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        ('"{}"', 206),
        ('W/"{}"', 200),
        ("{}", 200),
        ('"other"', 200),
        ("Sat, 31 Jan 2026 00:00:00 GMT", 200),
    ],
)
def test_a_piece_is_sent_only_of_the_content_the_client_began_with(
    client: FlaskClient, blob: str, tag: str, status: int
) -> None:
    if_range = tag.replace("{}", sha256_of_bytes(DATA))
    answer = client.get(blob, headers={"Range": "bytes=50-", "If-Range": if_range})
    assert (answer.status_code, answer.data) == (status, DATA[50:] if status == 206 else DATA)


def test_pieces_joined_are_the_file(client: FlaskClient, blob: str) -> None:
    pieces = [client.get(blob, headers={"Range": f"bytes={n}-{n + 6}"}).data for n in range(0, 100, 7)]
    assert b"".join(pieces) == DATA


def test_no_file_stays_open(client: FlaskClient, blob: str) -> None:
    open_files = Path("/proc/self/fd")
    if not open_files.is_dir():
        pytest.skip("this platform does not list open files")
    client.get(blob)
    before = len(list(open_files.iterdir()))
    for _ in range(5):
        client.get(blob)
        client.head(blob)
        client.get(blob, headers={"Range": "bytes=1-2"})
        client.get(blob, headers={"Range": "bytes=500-"})
        client.get(blob, headers={"If-None-Match": "*"})
    assert len(list(open_files.iterdir())) == before


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/packs.json/",
        "/pack.json",
        "/.publishing",
        "/blobs/",
        "/blobs/sha256/ab",
        "/manifests/street-art/",
        "/manifests/street-art/1.0.json",
        "/manifests/street-art/9.9.9.json",
        "/manifests/../packs.json",
        "/manifests/%2e%2e/packs.json",
        "/manifests/street-art/../../../secret.json",
        "/manifests/street-art/..%2f..%2f..%2fsecret.json",
        "/manifests/street-art/..%5c..%5csecret.json",
        "/manifests/street-art/%00.json",
        "/../secret.json",
        "/%2e%2e/secret.json",
        "/..%2fsecret.json",
        "/blobs/sha256/../../../secret.json",
        "/blobs/sha256/ab/%2e%2e%2fsecret.json",
        f"/blobs/sha256/00/{'ab' * 32}",
        f"/blobs/sha256/ab/{'ab' * 32}",
        f"/blobs/sha256/AB/{'AB' * 32}",
        f"/blobs/sha256/ab/{'ab' * 32}/",
        "/blobs/sha256/et/etc",
        "/%2fetc%2fpasswd",
    ],
)
def test_nothing_outside_the_tree_can_be_read(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(answer.data)["status"] == 404
    assert b"secret\n" not in answer.data


def test_only_names_versions_and_hashes_reach_the_disk(client: FlaskClient, repo: Path, blob: str) -> None:
    (repo / "1.0.0.json").write_text("one folder up")
    assert client.get("/manifests/%2e%2e/1.0.0.json").status_code == 404
    (repo / "blobs/sha256/.x").mkdir()
    (repo / "blobs/sha256/.x/.xyz.part").write_text("half a blob")
    assert client.get("/blobs/sha256/.x/.xyz.part").status_code == 404
    assert client.get(f"/blobs/sha256/00/{blob.rpartition('/')[2]}").status_code == 404


def test_a_wrong_method_is_405_and_says_which_are_right(client: FlaskClient) -> None:
    answer = client.post("/packs.json")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert json.loads(answer.data)["title"] == "Method Not Allowed"


def test_health_counts_the_packs(client: FlaskClient) -> None:
    answer = client.get("/health")
    assert json.loads(answer.data) == {
        "status": "ok",
        "packs": 1,
        "version": __version__,
        "model_loaded": False,
        "device": "none",
        "signatures": "unsigned",
    }
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_damaged_listing_is_unhealthy(client: FlaskClient, repo: Path) -> None:
    (repo / LISTING_NAME).write_text("{")
    answer = client.get("/health")
    assert answer.status_code == 503
    assert str(repo) not in answer.text, "a path of the server is nobody's business"


def test_an_empty_tree_serves_nothing_yet(tmp_path: Path) -> None:
    client = _client(tmp_path / "empty")
    assert client.get("/packs.json").status_code == 404
    assert json.loads(client.get("/health").data)["packs"] == 0


def test_what_is_published_while_the_service_runs_is_served(
    client: FlaskClient, small_pack: Callable[..., Path], tmp_path: Path, repo: Path
) -> None:
    tag = client.get("/packs.json").headers["ETag"]
    new = small_pack(tmp_path / "new", version="1.1.0")
    publish(new, repo, now_utc=NOW)
    answer = client.get("/packs.json", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.headers["ETag"] != tag
    assert client.get("/manifests/street-art/1.1.0.json").status_code == 200
    assert all(
        client.get(f"/{blob_path(entry.sha256)}").status_code == 200 for entry in read_manifest(new).files.values()
    )


@pytest.mark.parametrize(
    ("settings", "host", "status"),
    [
        (Settings(), "evil.example", 421),
        (Settings(), "evil.example:8000", 421),
        (Settings(), 'localhost"x', 421),
        (Settings(), "localhost.evil.example", 421),
        (Settings(), "localhost:8000", 200),
        (Settings(), "127.0.0.1:8000", 200),
        (Settings(), "[::1]:8000", 200),
        (Settings(host="::1"), "evil.example", 421),
        (Settings(host="0.0.0.0"), "server.lan", 200),
        (Settings(host="0.0.0.0", allowed_hosts="server.lan, packs.lan"), "PACKS.lan:80", 200),
        (Settings(host="0.0.0.0", allowed_hosts="server.lan"), "evil.example", 421),
        (Settings(public_url="https://packs.example.org/x"), "packs.example.org", 200),
        (Settings(allowed_hosts="*"), "evil.example", 200),
    ],
)
def test_a_server_on_loopback_refuses_host_names_that_are_not_its_own(
    repo: Path, settings: Settings, host: str, status: int
) -> None:
    assert _client(repo, settings).get("/livez", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(("host", "address"), [("evil.example", ""), ("10.0.0.1:8000", "http://10.0.0.1:8000")])
def test_a_foreign_host_name_never_lands_in_an_answer(repo: Path, host: str, address: str) -> None:
    app = create_app(repo, settings=Settings(host="0.0.0.0"))
    with app.test_request_context("/", headers={"Host": host}):
        assert address_in_answers() == address


@pytest.mark.parametrize(
    ("wanted", "status"),
    [('"{sha256}"', 200), ('"other", "{sha256}"', 200), ("*", 200), ('"other"', 412), ('W/"{sha256}"', 412)],
)
def test_if_match_is_honoured(client: FlaskClient, blob: str, wanted: str, status: int) -> None:
    answer = client.get(blob, headers={"If-Match": wanted.replace("{sha256}", sha256_of_bytes(DATA))})
    assert answer.status_code == status
    assert (answer.data == DATA) == (status == 200)


def test_a_request_that_the_server_refuses_is_told_why_and_when_to_come_again(client: FlaskClient) -> None:
    answer = client.get("/packs.json", environ_overrides={REFUSED: "the server is busy"})

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert (answer.json or {})["detail"] == "the server is busy"
