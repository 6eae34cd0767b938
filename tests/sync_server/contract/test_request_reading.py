"""Malformed requests to a live server: broken JSON and forms, wrong content types, unusable files, large bodies."""

from __future__ import annotations

import io
import zlib

import pytest
from PIL import Image

from live_service import Client
from service_packs import photo_of

RED = photo_of((255, 0, 0))


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"text": NaN}', b'{"embedding": [1e999]}', b'"' * 9, b"\xff{}"])
def test_broken_json_is_malformed(service: Client, body: bytes) -> None:
    answer = service.post_json("/v1/search", body)
    assert (answer.status, answer.problem) == (400, "malformed-request")


def test_a_part_without_a_name_is_refused(service: Client) -> None:
    for disposition in ("form-data", 'form-data; filename="photo.jpg"'):
        body = f"--x\r\nContent-Disposition: {disposition}\r\n\r\n5\r\n--x--\r\n".encode()
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        answer = service.request("POST", "/v1/identify", body=body, headers=headers)
        assert (answer.status, answer.problem) == (422, "invalid-value")
        assert service.request("POST", "/identify", body=body, headers=headers).status == 422


def test_a_value_that_is_there_twice_is_refused(service: Client) -> None:
    assert (
        "`top_k` is given 2 times"
        in service.post_file("/v1/identify", RED, ("top_k", "1"), ("top_k", "2")).json()["detail"]
    )
    twice = [("file", ("a.jpg", RED, "image/jpeg")), ("file", ("b.jpg", RED, "image/jpeg"))]
    assert service.request("POST", "/v1/embed/image", fields=twice).problem == "invalid-value"


def bomb() -> bytes:
    """A PNG of 20,000 x 20,000 pixels in a few kilobytes: 1.2 GB when decoded."""
    buffer = io.BytesIO()
    Image.new("1", (1, 1)).save(buffer, "PNG")
    header = bytearray(buffer.getvalue()[:33])
    header[16:24] = (20_000).to_bytes(4, "big") * 2
    header[29:33] = zlib.crc32(bytes(header[12:29])).to_bytes(4, "big")
    rows = zlib.compress(bytes(2501 * 20_000), 9)
    chunk = b"IDAT" + rows
    return bytes(header) + len(rows).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("photo", "said"),
    [
        (b"", "is empty (0 bytes)"),
        (b"<html>not a picture</html>", "is not an image in a known format"),
        (RED[:200], "photo.jpg"),
        (bomb(), "more than the 100-megapixel limit"),
    ],
    ids=["empty", "not a picture", "cut short", "bomb"],
)
@pytest.mark.parametrize("path", ["/v1/identify", "/v1/search", "/v1/embed/image"])
def test_files_that_are_no_usable_image_are_refused(service: Client, path: str, photo: bytes, said: str) -> None:
    answer = service.post_file(path, photo)
    assert (answer.status, answer.problem) == (422, "unusable-picture")
    assert said in answer.json()["detail"]


def test_a_form_without_a_file_is_refused(service: Client) -> None:
    for fields in ({"top_k": "5"}, {"file": "photo.jpg"}):
        answer = service.request("POST", "/v1/identify", fields=fields)
        assert (answer.status, answer.problem) == (422, "invalid-value")
        assert "`file` is" in answer.json()["detail"]


@pytest.mark.parametrize("content_type", ["image/jpeg", "application/json", "text/plain", ""])
def test_another_content_type_is_refused(service: Client, content_type: str) -> None:
    answer = service.request("POST", "/v1/identify", body=RED, headers={"Content-Type": content_type})
    assert (answer.status, answer.problem) == (415, "wrong-content-type")


def test_a_body_beyond_the_cap_is_refused_whoever_refuses_it(service: Client) -> None:
    for mib in (1, 3, 5):  # the last one is refused by the web server itself
        answer = service.post_file("/v1/identify", bytes(mib * 2**20))
        assert (answer.status, answer.problem) == (413, "request-too-large")
    answer = service.post_json("/v1/search", b'{"text": "' + b"r" * (2**20 - 20) + b'"}')
    assert answer.status == 422
    assert service.request("POST", "/v1/identify", fields={"namespace": "x" * 300_000}).status == 413


def test_a_wrong_method_says_which_is_right(service: Client) -> None:
    answer = service.get("/v1/identify")
    assert (answer.status, answer.problem) == (405, "method-not-allowed")
    assert "POST" in answer.headers["Allow"]
