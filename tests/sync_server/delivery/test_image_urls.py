"""`image_url`: recorded, served, public or presigned. A pack alone cannot make the server sign a URL."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest

from edge_identify.edge_runtime.errors import NetworkError, SetupError
from edge_identify.edge_runtime.pack.references import NOTHING_KNOWN, Reference, ReferenceImageFacts
from edge_identify.sync_server.delivery.image_urls import ImageUrls, PresignedUrls, image_urls
from edge_identify.sync_server.publishing.bucket_objects import Bucket
from live_service import Client, live
from s3_server import S3Server
from service_packs import photo_of

RED = photo_of((255, 0, 0))
HERE = "http://here/thumbnail"


def reference(**attributes: str) -> Reference:
    return Reference(id="red", name="Red", url="https://example.org/red", attributes=attributes)


def address(how: ImageUrls, thumbnail: str | None = HERE, **attributes: str) -> str | None:
    return how.of(reference(**attributes), NOTHING_KNOWN, thumbnail)


def test_what_was_recorded_counts_before_the_thumbnail_and_that_before_the_page() -> None:
    how = image_urls("recorded", valid_s=60)
    assert address(how, image_url="https://a/b.jpg") == "https://a/b.jpg"
    assert address(how) == HERE
    assert address(how, None) == "https://example.org/red"


def test_served_points_nowhere_else() -> None:
    how = image_urls("served", valid_s=60)
    assert address(how, image_url="https://a/b.jpg", s3_path="s3://a/b.jpg") == HERE
    assert address(how, None, image_url="https://a/b.jpg") is None


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"s3_path": "s3://bucket/art/1 cat.jpg"}, "https://cdn.example.org/pics/art/1%20cat.jpg"),
        ({"s3_path": "art/1.jpg"}, "https://cdn.example.org/pics/art/1.jpg"),
        ({"path": "art/1.jpg"}, "https://cdn.example.org/pics/art/1.jpg"),
        ({"path": "/home/maker/1.jpg"}, HERE),
        ({"path": "../1.jpg"}, HERE),
        ({"path": "art/1\n.jpg"}, HERE),
        ({"path": "art/1\u202f\u00e9.jpg"}, "https://cdn.example.org/pics/art/1%E2%80%AF%C3%A9.jpg"),
        ({}, HERE),
        ({"image_url": "https://a/b.jpg"}, "https://a/b.jpg"),
    ],
)
def test_public_addresses_are_made_from_the_recorded_path(attributes: dict[str, str], expected: str) -> None:
    assert address(image_urls("public:https://cdn.example.org/pics/", valid_s=60), **attributes) == expected


def test_the_path_of_the_nearest_image_counts_before_that_of_its_reference() -> None:
    how, known = image_urls("public:https://cdn.example.org", valid_s=60), ReferenceImageFacts(path="art/back.jpg")
    assert how.of(reference(path="art/front.jpg"), known, None) == "https://cdn.example.org/art/back.jpg"
    assert how.of(reference(s3_path="s3://b/own.jpg"), known, None) == "https://cdn.example.org/own.jpg"


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("s3://packs/pics/nature/red.jpg", "pics/nature/red.jpg"),
        ("nature/red.jpg", "pics/nature/red.jpg"),
        ("s3://packs/secret.jpg", None),
        ("s3://packs/pics-of-others/red.jpg", None),
        ("s3://other/pics/red.jpg", None),
        ("../secret.jpg", None),
        ("s3://packs/pics/../secret.jpg", None),
        ("s3://packs/pics//secret.jpg", None),
        ("nature/red\n.jpg", None),
        ("nature/\x00red.jpg", None),
        ("nature/\x9bred.jpg", None),
        ("nature/\udc80red.jpg", None),
        ("/secret.jpg", None),
    ],
)
@pytest.mark.usefixtures("s3")
def test_only_what_lies_in_the_operators_folder_is_signed(path: str, key: str | None) -> None:
    pytest.importorskip("obstore", reason="the extra buckets is not installed")
    how = image_urls("presigned:s3://packs/pics", endpoint="http://127.0.0.1:1", valid_s=60)
    found = address(how, s3_path=path)
    if key is None:
        assert found == HERE
    else:
        parts = urlsplit(str(found))
        assert parts.path == f"/packs/{key}"
        assert parse_qs(parts.query)["X-Amz-Expires"] == ["60"]


@pytest.mark.parametrize(
    "how",
    [
        "", "public:", "public:ftp://x/y", "public:cdn", "public:https://cdn.example.org/x?sig=1",
        "public:https://cdn.example.org/x#f", "presigned:", "presigned:https://x", "x",
    ],
)  # fmt: skip
def test_what_is_none_of_these_is_refused_with_what_there_is(how: str) -> None:
    with pytest.raises(SetupError, match=r"presigned:s3://BUCKET/PREFIX|write s3://BUCKET/PREFIX|such as https://host"):
        image_urls(how, valid_s=60)


@pytest.mark.usefixtures("s3")
def test_after_an_address_could_not_be_signed_none_is_for_a_while() -> None:
    now, tries, is_down = [0.0], list[str](), [False]

    class Role(Bucket):
        def signed_url(self, path: str, *, valid_s: float) -> str:
            tries.append(path)
            if is_down[0]:
                raise NetworkError("the role does not answer")
            return super().signed_url(path, valid_s=valid_s)

    how = PresignedUrls(Role("s3://packs/pics"), valid_s=60, clock=lambda: now[0])
    is_down[0] = True
    tries.clear()
    assert [address(how, path="red.jpg") for _ in range(5)] == [HERE] * 5
    assert len(tries) == 1
    is_down[0], now[0] = False, 31.0
    assert "/pics/red.jpg?" in str(address(how, path="red.jpg"))


def test_a_role_that_never_answers_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore", reason="the extra buckets is not installed")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("edge_identify.edge_runtime.io.buckets._HASTY_CLIENT", {"timeout": "100ms"})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(SetupError, match="or there are none; set AWS_ACCESS_KEY_ID"):
            image_urls("presigned:s3://packs/pics", valid_s=60)


def test_a_signed_address_opens_a_private_image_for_whoever_has_the_answer(s3: S3Server, service_repo: Path) -> None:
    s3.make_bucket("packs", is_public=False)
    s3.ask("/packs/pics/nature/red.jpg", method="PUT", data=b"the picture")
    how = ("--image-urls", "presigned:s3://packs/pics", "--image-url-valid-s", "120", "--endpoint", s3.endpoint)
    with live("--repo", str(service_repo), *how) as client:
        url = _image_url_of_red(client)
        by_bucket = client.post_file("/api/demo_backend_v2/image_search/search_by_image?k=1", RED).json()[0][
            "image_url"
        ]
        of_reference = client.get("/v1/packs/letters/references/red").json()["image_url"]
        metrics = client.get("/metrics").data.decode()
    for found in (url, by_bucket, of_reference):
        with urlopen(found, timeout=10) as answer:
            assert answer.read() == b"the picture"
    assert "X-Amz-Expires=120" in url
    with pytest.raises(HTTPError, match="403"):
        urlopen(url.partition("?")[0], timeout=10)
    assert 'edge_object_store_requests_total{operation="sign",outcome="success"} 4.0' in metrics


def test_served_addresses_are_of_this_server(service_repo: Path) -> None:
    with live("--repo", str(service_repo), "--image-urls", "served") as client:
        url = _image_url_of_red(client)
        assert url.startswith(f"{client.url}/v1/packs/letters/thumbnails/")
        with urlopen(url, timeout=10) as answer:
            assert answer.headers["Content-Type"] == "image/webp"


def test_our_own_answers_say_where_images_are_and_nothing_else_that_was_recorded(service_repo: Path) -> None:
    with live("--repo", str(service_repo), "--image-urls", "served") as client:
        match = client.post_file("/v1/identify", RED).json()["matches"][0]
        by_text = client.post_json("/v1/search", {"text": "ra"}).json()["matches"][0]
        together = client.request("POST", "/v1/identify", fields=[("file", ("a.jpg", RED)), ("file", ("b.jpg", RED))])
        known = client.get("/v1/packs/letters/references/red").json()
        (entry,) = client.post_json("/api/v1/search", {"text": "ra", "limit": 1}).json()["results"]
    for one in (match, by_text, together.json()["matches"][0], known):
        assert one["id"] == "red"
        assert one["image_url"].startswith(f"{client.url}/v1/packs/letters/thumbnails/")
        assert one["attributes"] == {"product_id": "7"}
    assert entry["metadata"].items() >= {"name": "Pure red", "product_id": "7"}.items()
    assert not {"image_url", "s3_path"} & entry["metadata"].keys()


def test_addresses_begin_with_the_public_one_behind_a_proxy(service_repo: Path) -> None:
    how = ("--image-urls", "served", "--public-url", "https://packs.example.org/edge/")
    with live("--repo", str(service_repo), *how) as client:
        path = "/v1/packs/letters/references/red"
        proxied = client.request("GET", path, headers={"Host": "packs.example.org"})
        for url in (_image_url_of_red(client), proxied.json()["image_url"]):
            assert url.startswith("https://packs.example.org/edge/v1/packs/letters/thumbnails/")
        assert client.request("GET", path, headers={"Host": "evil.example"}).status == 421


def _image_url_of_red(client: Client) -> str:
    (match,) = client.post_file("/identify", RED, ("top_k", "1")).json()["matches"]
    assert match["flash_id"] == "red"
    return str(match["image_url"])
