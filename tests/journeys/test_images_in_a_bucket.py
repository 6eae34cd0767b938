"""The bucket search from its bucket to its answers: images in S3, folders as categories, a private bucket.

Images are read from a bucket, the pack is published into another folder of it, a service answers from there on the
routes of the bucket search, and image URLs are presigned.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from drawn_views import label
from live_service import Client, live
from s3_server import CREDENTIALS, S3Server, s3_server

SEARCH = "/api/demo_backend_v2/image_search/search"
FOLDERS = ("nature", "people", "sports")
EACH = 2
A_PAGE = 1000  # objects that S3 lists at once; notes come before the images, which are on the second page


def image(number: int) -> bytes:
    buffer = io.BytesIO()
    label(number).save(buffer, "PNG")
    return buffer.getvalue()


def fill(server: S3Server) -> None:
    server.make_bucket("packs", is_public=False)
    for number in range(EACH * len(FOLDERS)):
        server.ask(f"/packs/pictures/{FOLDERS[number // EACH]}/{number}.png", method="PUT", data=image(number))
    for number in range(A_PAGE):
        server.ask(f"/packs/pictures/about/{number}.txt", method="PUT", data=b"a note")


def test_a_bucket_of_images_becomes_a_pack_in_the_bucket_that_answers_its_old_clients(
    succeed: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with s3_server() as server:
        fill(server)
        catalogue, pack, at = tmp_path / "my.catalogue", tmp_path / "pack", ("--endpoint", server.endpoint)
        succeed("edge-build", "add", "s3://packs/pictures", *at, "--catalogue", catalogue)
        words = (
            "--catalogue",
            catalogue,
            "--name",
            "pictures",
            "--out",
            pack,
            "--variants",
            "onnx-int8",
            "--local-features",
            "none",
        )
        succeed("edge-build", "pack", *words)
        succeed("edge-serve", "publish", "--pack", pack, "--to", "s3://packs/published", *at)
        how = ("--image-urls", "presigned:s3://packs/pictures")
        with live("--bucket", "s3://packs/published", *at, *how) as client:
            wait_for_pack(client)
            by_image = client.post_file(f"{SEARCH}_by_image?k=3", image(3)).json()
            by_text = client.post_json(SEARCH, {"query": "show me sports photos", "k": 100}).json()
            in_folder = client.post_json(SEARCH, {"query": "a picture", "folder": "people"}).json()
            nowhere = client.post_json(SEARCH, {"query": "a picture", "folder": "cars"})
            with urlopen(by_image[0]["image_url"], timeout=10) as answer:
                assert answer.read() == image(3)
        with live("--bucket", "s3://packs/published", *at) as client:
            wait_for_pack(client)
            publicly = client.post_file(f"{SEARCH}_by_image", image(3)).json()
    assert by_image[0].keys() == {"distance", "folder", "s3_path", "image_url"}
    assert (by_image[0]["folder"], by_image[0]["s3_path"]) == ("people", "s3://packs/pictures/people/3.png")
    assert by_image[0]["distance"] < 0.2 < by_image[1]["distance"] <= by_image[2]["distance"] < 2
    assert "X-Amz-Signature=" in by_image[0]["image_url"]
    assert {found["folder"] for found in by_text} == {"sports"}
    assert len(by_text) == EACH
    assert {found["folder"] for found in in_folder} == {"people"}
    assert nowhere.status == 404
    assert len(publicly) == 5
    assert publicly[0]["image_url"] == f"{server.endpoint}/packs/pictures/people/3.png"


def wait_for_pack(client: Client) -> None:
    end = time.monotonic() + 60
    while not json.loads(client.get("/health").data)["model_loaded"]:
        assert time.monotonic() < end, client.lines
        time.sleep(0.1)
