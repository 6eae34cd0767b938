"""The bucket search from its bucket to its answers: pictures in S3, folders as categories, a private bucket.

Pictures are read from a bucket, the pack goes into another folder of it, a service answers from there on the routes
that its clients know, and the pictures' addresses are signed.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from drawn_views import label
from live_service import Client, live
from s3_server import CREDENTIALS, S3Server, s3_server

SEARCH = "/api/demo_backend_v2/image_search/search"
FOLDERS = ("nature", "people", "sports")
EACH = 4


def picture(number: int) -> bytes:
    buffer = io.BytesIO()
    label(number).save(buffer, "PNG")
    return buffer.getvalue()


def fill(server: S3Server) -> None:
    server.make_bucket("packs", is_public=False)
    for number in range(EACH * len(FOLDERS)):
        server.ask(f"/packs/pictures/{FOLDERS[number // EACH]}/{number}.png", method="PUT", data=picture(number))


def run(*words: object) -> None:
    command, *rest = map(str, words)
    done = subprocess.run(
        [Path(sys.executable).parent / command, *rest], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr


def test_a_bucket_of_pictures_becomes_a_pack_in_the_bucket_that_answers_its_old_clients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (CREDENTIALS | {"HOME": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    with s3_server() as server:
        fill(server)
        catalogue, pack, at = tmp_path / "my.catalogue", tmp_path / "pack", ("--endpoint", server.endpoint)
        run("edge-build", "add", "s3://packs/pictures", *at, "--catalogue", catalogue)
        run(
            "edge-build",
            "pack",
            "--catalogue",
            catalogue,
            "--name",
            "pictures",
            "--out",
            pack,
            "--variants",
            "onnx-int8",
        )
        run("edge-serve", "publish", pack, "--to", "s3://packs/published", *at)
        how = ("--image-urls", "presigned:s3://packs/pictures")
        with live("--bucket", "s3://packs/published", *at, *how) as client:
            wait_for_pack(client)
            by_image = client.post_file(f"{SEARCH}_by_image?k=3", picture(5)).json()
            by_text = client.post_json(SEARCH, {"query": "show me sports photos", "k": 100}).json()
            in_folder = client.post_json(SEARCH, {"query": "a picture", "folder": "people"}).json()
            with urlopen(by_image[0]["image_url"], timeout=10) as answer:
                assert answer.read() == picture(5)
    assert by_image[0].keys() == {"distance", "folder", "s3_path", "image_url"}
    assert (by_image[0]["folder"], by_image[0]["s3_path"]) == ("people", "s3://packs/pictures/people/5.png")
    assert by_image[0]["distance"] < 0.2 < by_image[1]["distance"]
    assert {found["folder"] for found in by_text} == {"sports"}
    assert len(by_text) == EACH
    assert {found["folder"] for found in in_folder} == {"people"}


def wait_for_pack(client: Client) -> None:
    end = time.monotonic() + 60
    while not json.loads(client.get("/health").data)["model_loaded"]:
        assert time.monotonic() < end, client.lines
        time.sleep(0.1)
