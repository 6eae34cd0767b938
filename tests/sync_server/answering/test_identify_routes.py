"""The service's own routes on a live server: the answers of the device, and refusals for everything that is none."""

from __future__ import annotations

import io
import json
import math
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edge_identify.edge_runtime.answers import answer_json
from edge_identify.edge_runtime.cli.main import main as identify
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.sync_server.publishing.publish import publish
from json_schema import faults
from live_service import Client, Reply, live
from service_packs import photo_of, write_service_pack

RED, GREY = photo_of((255, 0, 0)), photo_of((120, 120, 120))
SPACE = "c" * 64


def device_answer(folder: Path, photo: bytes, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """What `edge-identify --jsonl` prints, without what differs from run to run."""
    (folder / "photo.jpg").write_bytes(photo)
    identify([str(folder / "photo.jpg"), "--jsonl", *words])
    return comparable(json.loads(capsys.readouterr().out))


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without what differs from run to run, and without where pictures are: a device has no server."""
    answer["matches"] = [
        {name: value for name, value in match.items() if name != "image_url"} for match in answer["matches"]
    ]
    return {name: value for name, value in answer.items() if name not in ("seconds", "stage_seconds", "photo")}


@pytest.mark.parametrize(
    ("photo", "form", "words"),
    [
        (RED, {}, []),
        (GREY, {"top_k": "2"}, ["--top-k", "2"]),
        (photo_of((240, 10, 30)), {"namespace": "Paris"}, ["--namespace", "Paris"]),
        (RED, {"label": "label=cold"}, ["--label", "label=cold"]),
        (RED, {"near": "48.86,2.36", "accuracy": "100"}, ["--near", "48.86,2.36", "--accuracy", "100"]),
        (photo_of((255, 0, 0), at=(48.86, 2.36)), {}, []),
        (photo_of((255, 0, 0), at=(48.86, 2.36)), {"no_location": "true"}, ["--no-location"]),
    ],
)
def test_a_photo_is_answered_as_on_the_device(
    service: Client,
    service_pack: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    photo: bytes,
    form: dict[str, str],
    words: list[str],
) -> None:
    answer = service.post_file("/v1/identify", photo, *form.items())

    assert answer.status == 200
    assert answer.json()["photo"] == "photo.jpg"
    assert comparable(answer.json()) == device_answer(tmp_path, photo, capsys, "--pack", f"{service_pack}/", *words)
    schema = json.loads(Path(answer_json.__file__).with_name("answer.schema.json").read_text(encoding="utf-8"))
    assert faults(answer.json(), schema, root=schema) == []


def test_several_namespaces_are_alternatives(service: Client) -> None:
    answer = service.post_file("/v1/identify", RED, ("namespace", "Paris"), ("namespace", "nature"))
    assert answer.json()["filters"]["namespaces"] == ["Paris", "nature"]
    assert len(answer.json()["matches"]) == 4


def ids(answer: Reply) -> list[str]:
    assert answer.status == 200, answer.data
    return [match["id"] for match in answer.json()["matches"]]


def test_references_are_found_by_a_text_a_vector_and_a_picture(service: Client) -> None:
    by_text = service.post_json("/v1/search", {"text": "ra", "limit": 2})
    assert ids(by_text)[0] == "red"
    assert by_text.json()["matches"][0]["band"] == "strong"
    vector = service.post_json("/v1/embed/text", {"text": "ra"}).json()
    assert (vector["embedding_space"], vector["dim"], len(vector["embedding"])) == (SPACE, 3, 3)
    by_vector = service.post_json(
        "/v1/search", {"embedding": vector["embedding"], "embedding_space": SPACE, "limit": 2, "pack": "letters"}
    )
    assert ids(by_vector) == ids(by_text)
    assert by_vector.json()["embedding_space"] == SPACE
    assert ids(service.post_file("/v1/search", RED, ("limit", "1"))) == ["red"]
    filtered = {"text": "ra", "namespaces": ["nature"], "labels": {"label": ["cold", "warm"]}}
    assert set(ids(service.post_json("/v1/search", filtered))) == {"green", "blue/2"}


def test_a_namespace_in_a_text_is_suggested_or_applied(service: Client) -> None:
    suggested = service.post_json("/v1/search", {"text": "ra in paris"}).json()
    applied = service.post_json("/v1/search", {"text": "ra in paris", "auto_namespace": True}).json()
    assert (suggested["suggested_namespaces"], suggested["filters"]) == (["Paris"], None)
    assert applied["filters"] == {"namespaces": ["Paris"], "labels": {}}


def test_vectors_of_pictures_have_unit_length_and_say_their_space(service: Client) -> None:
    answer = service.post_file("/v1/embed/image", RED).json()
    assert math.sqrt(sum(number**2 for number in answer["embedding"])) == pytest.approx(1, abs=1e-5)
    assert answer["embedding"][0] == pytest.approx(1, abs=1e-3)
    assert answer | {"embedding": []} == {
        "embedding": [],
        "dim": 3,
        "model": "mean-colour/none",
        "embedding_space": SPACE,
        "encoder": "onnx-fp32",
        "pack": {"name": "letters", "version": "1.0.0"},
        "device": "cpu",
    }


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"embedding": [1, 0, 0], "embedding_space": "d" * 64}, "vectors of different spaces"),
        ({"embedding": [1, 0, 0]}, "`embedding_space` is missing"),
        ({"embedding": [1, 0], "embedding_space": SPACE}, "has 2 numbers; pack letters has 3"),
        ({"embedding": [0, 0, 0], "embedding_space": SPACE}, "all zeros"),
        ({"embedding": [1, "a", 0], "embedding_space": SPACE}, "no number"),
        ({"embedding": [1, True, 0], "embedding_space": SPACE}, "no number"),
        ({"embedding": [10**400, 0, 0], "embedding_space": SPACE}, "beyond any"),
        ({"embedding": [], "embedding_space": SPACE}, "list of 1 to"),
        ({"embedding_space": SPACE}, "`embedding` is missing"),
        ({"embedding": "1,0,0", "embedding_space": SPACE}, "list of 1 to"),
        ({}, "either `text` or `embedding`"),
        ({"text": "ra", "embedding": [1, 0, 0]}, "either `text` or `embedding`"),
        ({"text": " "}, "`text` is empty"),
        ({"text": "r" * 2001}, "`text` has 2001 characters"),
        ({"text": 5}, "`text` is 5, not a text"),
        ({"text": "ra", "limit": 101}, "`limit` is 101, outside 1 to 100"),
        ({"text": "ra", "limit": "5"}, "`limit` is 5, not a whole number"),
        ({"text": "ra", "limit": True}, "`limit` is True"),
        ({"text": "ra", "labels": {"label": []}}, "without values"),
        ({"text": "ra", "labels": ["label"]}, "not an object"),
        ({"text": "ra", "colour": "red"}, "there is no field 'colour'"),
    ],
)
def test_searches_that_cannot_be_meant_are_refused(service: Client, body: object, said: str) -> None:
    answer = service.post_json("/v1/search", body)
    assert (answer.status, answer.problem) == (422, "invalid-value")
    assert said in answer.json()["detail"]


def test_vectors_of_any_length_point_the_same_way(service: Client) -> None:
    for scale in (1e-300, 0.01, 1, 1e300):
        body = {"embedding": [scale, scale / 10, 0], "embedding_space": SPACE, "limit": 1}
        (match,) = service.post_json("/v1/search", body).json()["matches"]
        assert (match["id"], match["score"]) == ("red", pytest.approx(1 / math.sqrt(1.01), abs=1e-5))


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"text": NaN}', b'{"embedding": [1e999]}', b'"' * 9, b"\xff{}"])
def test_broken_json_is_malformed(service: Client, body: bytes) -> None:
    answer = service.post_json("/v1/search", body)
    assert (answer.status, answer.problem) == (400, "malformed-request")


@pytest.mark.parametrize("count", ["0", "-1", "1000000000", "five", "5.5", "", "9" * 30, "٣"])
def test_counts_that_are_none_are_refused(service: Client, count: str) -> None:
    answer = service.post_file("/v1/identify", RED, ("top_k", count))
    assert (answer.status, answer.problem) == (422, "invalid-value")
    assert "`top_k` is" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"near": "91,0"}, "nowhere on Earth"),
        ({"near": "48.85"}, "latitude and a longitude"),
        ({"near": "nan,nan"}, "latitude and a longitude"),
        ({"accuracy": "5"}, "send both"),
        ({"near": "1,1", "accuracy": "0"}, "not above 0"),
        ({"near": "1,1", "accuracy": "nan"}, "not above 0"),
        ({"near": "1,1", "accuracy": "far"}, "not a number"),
        ({"no_location": "yes"}, "not true or false"),
        ({"label": "crab"}, "KEY=VALUE"),
        ({"topk": "3"}, "there is no field 'topk'"),
        ({"pack": ""}, "`pack` is empty"),
    ],
)
def test_forms_that_cannot_be_meant_are_refused(service: Client, form: dict[str, str], said: str) -> None:
    answer = service.post_file("/v1/identify", RED, *form.items())
    assert (answer.status, answer.problem) == (422, "invalid-value")
    assert said in answer.json()["detail"]


def test_a_part_without_a_name_is_refused(service: Client) -> None:
    for disposition in ("form-data", 'form-data; filename="photo.jpg"'):
        body = f"--x\r\nContent-Disposition: {disposition}\r\n\r\n5\r\n--x--\r\n".encode()
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        answer = service.request("POST", "/v1/identify", body=body, headers=headers)
        assert (answer.status, answer.problem) == (422, "invalid-value")
        assert service.request("POST", "/identify", body=body, headers=headers).status == 422


def test_a_value_that_is_there_twice_is_refused(service: Client) -> None:
    assert (
        "`top_k` is there 2 times"
        in service.post_file("/v1/identify", RED, ("top_k", "1"), ("top_k", "2")).json()["detail"]
    )
    twice = [("file", ("a.jpg", RED, "image/jpeg")), ("file", ("b.jpg", RED, "image/jpeg"))]
    assert service.request("POST", "/v1/embed/image", fields=twice).problem == "invalid-value"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"namespace": "Rome"}, "no namespace 'Rome'"),
        ({"label": "label=hot"}, "no label of kind 'label' 'hot'"),
        ({"namespace": "Paris", "label": "label=cold"}, "no reference passes all filters"),
        ({"pack": "third"}, "there is letters"),
    ],
)
def test_names_that_nothing_has_are_not_found(service: Client, form: dict[str, str], said: str) -> None:
    answer = service.post_file("/v1/identify", RED, *form.items())
    assert (answer.status, answer.problem) == (404, "not-found")
    assert said in answer.json()["detail"]


def bomb() -> bytes:
    """A PNG of 20,000 x 20,000 pixels in some kilobytes: 1.2 GB when decoded."""
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
def test_files_that_are_no_usable_picture_are_refused(service: Client, path: str, photo: bytes, said: str) -> None:
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
    (picture,) = service.get("/v1/packs/letters/references/green").json()["pictures"]
    assert (picture["path"], picture["filename"], picture["type"]) == ("art/green.png", "green.png", "PNG")
    (picture,) = reference["pictures"]
    assert picture["path"] is None
    thumbnail = service.get(picture["thumbnail"])
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


def test_a_wrong_method_says_which_is_right(service: Client) -> None:
    answer = service.get("/v1/identify")
    assert (answer.status, answer.problem) == (405, "method-not-allowed")
    assert "POST" in answer.headers["Allow"]


def test_a_thumbnail_that_is_larger_than_its_pack_says_is_not_sent(tmp_path: Path) -> None:
    pack = write_service_pack(tmp_path / "pack")
    values = json.loads((pack / MANIFEST_NAME).read_bytes())
    values["thumbnails"]["side_px"] = 1
    (pack / MANIFEST_NAME).write_text(json.dumps(values))
    publish(pack, tmp_path / "repo", now_utc=datetime(2026, 1, 31, tzinfo=UTC))

    with live("--repo", str(tmp_path / "repo")) as client:
        answer = client.get("/v1/packs/letters/thumbnails/1")

    assert (answer.status, answer.problem) == (503, "unavailable")
