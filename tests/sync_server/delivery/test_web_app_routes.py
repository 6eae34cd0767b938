"""The field app as the server delivers it."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.sync_server.delivery.web_app_files import WEB_FOLDER, read_web_app
from edge_identify.sync_server.service.app import create_app
from edge_identify.sync_server.service.settings import Settings


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return create_app(None).test_client()


def test_the_page_has_its_policy_in_its_headers_and_in_itself(client: FlaskClient) -> None:
    page = client.get("/app/")

    policy = page.headers["Content-Security-Policy"]
    assert page.status_code == 200
    assert page.content_type == "text/html; charset=utf-8"
    assert "connect-src 'self';" in policy
    assert "'unsafe-inline'" not in policy
    assert policy.removesuffix("; frame-ancestors 'none'") in page.text
    assert page.headers["Cache-Control"] == "no-cache"


def test_the_address_without_a_slash_leads_to_the_page(client: FlaskClient) -> None:
    answer = client.get("/app")

    assert (answer.status_code, answer.headers["Location"]) == (308, "/app/")


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("app/main.js", "text/javascript; charset=utf-8"),
        ("app/app.css", "text/css; charset=utf-8"),
        ("app/icon-192.png", "image/png"),
        ("app.webmanifest", "application/manifest+json"),
        ("sw.js", "text/javascript; charset=utf-8"),
    ],
)
def test_files_have_their_media_types(client: FlaskClient, name: str, content_type: str) -> None:
    answer = client.get(f"/app/{name}")

    assert (answer.status_code, answer.content_type) == (200, content_type)
    assert client.get(f"/app/{name}", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    "name", ["package.json", "app/index.html", "app/../../__init__.py", "app/tests/texts.test.js", ""]
)
def test_nothing_else_of_the_folder_is_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/app//{name}").status_code == 404
    assert not name or client.get(f"/app/{name}").status_code == 404


def test_texts_are_compressed_for_clients_that_accept_it(client: FlaskClient) -> None:
    plain = client.get("/app/app/main.js")
    packed = client.get("/app/app/main.js", headers={"Accept-Encoding": "gzip"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert "Accept-Encoding" in packed.headers["Vary"]


def test_the_service_worker_names_every_file_of_one_version(client: FlaskClient) -> None:
    text = client.get("/app/sw.js").text

    listed = re.search(r"FILES = .*?\((\[.*?\])\);", text, re.DOTALL)
    assert listed is not None
    names = json.loads(listed[1])
    assert {"./", "app/main.js", "app.webmanifest"} <= set(names)
    assert all(client.get(f"/app/{name.removeprefix('./')}").status_code == 200 for name in names if name)


def test_a_changed_file_makes_another_version(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    for name in ("index.html", "sw.js", "main.js"):
        (tmp_path / "app" / name).write_bytes((WEB_FOLDER / "app" / name).read_bytes())
    before = read_web_app(tmp_path)
    (tmp_path / "app/main.js").write_text("// changed")
    after = read_web_app(tmp_path)

    assert before.version != after.version
    assert after.version in after.files["sw.js"].data.decode()
    assert not after.is_complete


def test_the_policy_allows_the_pack_servers_that_the_operator_names() -> None:
    app = create_app(None, settings=Settings(app_pack_servers="https://packs.example.org, http://10.0.0.2:8000/"))

    policy = app.test_client().get("/app/app/main.js").headers["Content-Security-Policy"]

    assert "connect-src 'self' https://packs.example.org http://10.0.0.2:8000;" in policy


@pytest.mark.parametrize("origin", ["*", "https://example.org/path", "https://a;script-src *", "ftp://example.org"])
def test_a_pack_server_is_an_origin(origin: str) -> None:
    with pytest.raises(SetupError, match="app_pack_servers"):
        Settings(app_pack_servers=origin)
