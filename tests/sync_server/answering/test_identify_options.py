"""`POST /v1/identify` with several photos of one thing, and with SIFT points: the answers of the device."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import colour_packs
from drawn_views import label
from drawn_views import photo_of as view_of
from edge_identify.edge_runtime.answers import answer_json
from edge_identify.edge_runtime.cli.main import main as identify
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest, serialise_manifest
from edge_identify.edge_runtime.pack.thumbnails_file import write_thumbnails
from edge_identify.sync_server.publishing.publish import publish
from json_schema import faults
from live_service import Client, Reply, live
from service_packs import photo_of, write_service_pack

NOW = datetime(2026, 1, 31, tzinfo=UTC)
RED, CRIMSON, GREY = photo_of((255, 0, 0)), photo_of((220, 20, 60)), photo_of((120, 120, 120))
OF_GREEN = [rgb for _, _, rgb in colour_packs.COLOURS].index((0, 255, 0)) + 1
CORNERS = np.array([(150, 100), (450, 120), (440, 350), (140, 330)], float)
SIDE_PX = 240


def ask(client: Client, photos: list[bytes], **form: str) -> Reply:
    files = [("file", (f"{at}.jpg", photo, "image/jpeg")) for at, photo in enumerate(photos)]
    return client.request("POST", "/v1/identify", fields=[*files, *form.items()])


def on_the_device(
    pack: Path, photos: list[bytes], folder: Path, capsys: pytest.CaptureFixture[str], *words: str
) -> dict[str, Any]:
    """Return the last line that the device prints for the photos."""
    paths = [folder / f"{at}.jpg" for at in range(len(photos))]
    for path, photo in zip(paths, photos, strict=True):
        path.write_bytes(photo)
    capsys.readouterr()
    identify([*map(str, paths), "--pack", str(pack), "--jsonl", *words])
    return comparable(json.loads(capsys.readouterr().out.splitlines()[-1]))


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without times, photo folders and image URLs, which differ between machines."""
    named: dict[str, Any] = {"photo": Path(answer["photo"]).name}
    if "photos" in answer:
        named["photos"] = [Path(name).name for name in answer["photos"]]
    named["matches"] = [
        {name: value for name, value in match.items() if name != "image_url"} for match in answer["matches"]
    ]
    return {name: value for name, value in answer.items() if name not in ("seconds", "stage_seconds")} | named


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, []),
        ({"top_k": "1"}, ["--top-k", "1"]),
        ({"namespace": "nature"}, ["--namespace", "nature"]),
        ({"near": "48.86,2.36"}, ["--near", "48.86,2.36"]),
    ],
)
def test_several_photos_are_answered_together_as_on_the_device(
    service: Client,
    service_pack: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    form: dict[str, str],
    words: list[str],
) -> None:
    photos = [CRIMSON, photo_of((240, 10, 30), at=(48.86, 2.36)), RED]
    answer = ask(service, photos, **form).json()
    schema = json.loads(Path(answer_json.__file__).with_name("answer.schema.json").read_text(encoding="utf-8"))
    assert faults(answer, schema, root=schema) == []
    device = on_the_device(service_pack, photos, tmp_path, capsys, "--same-thing", *words)
    assert comparable(answer) == device
    assert answer["photos"] == ["0.jpg", "1.jpg", "2.jpg"]


def test_a_photo_that_cannot_be_used_is_left_out_and_named(service: Client) -> None:
    answer = ask(service, [b"no picture", RED, CRIMSON]).json()
    assert answer["photos"] == ["1.jpg", "2.jpg"]
    (left_out,) = answer["left_out"]
    assert left_out["photo"] == "0.jpg"
    assert "0.jpg" in left_out["error"]
    assert comparable(answer) | {"photos": [], "photo": ""} == comparable(ask(service, [RED, CRIMSON]).json()) | {
        "photos": [],
        "photo": "",
        "left_out": answer["left_out"],
    }


def test_where_no_photo_can_be_used_the_problem_names_all(service: Client) -> None:
    answer = ask(service, [b"no picture", b"none either"])
    assert (answer.status, answer.problem) == (422, "unusable-picture")
    assert {"0.jpg", "1.jpg"} <= set(answer.json()["detail"].replace(":", " ").split())


@pytest.mark.parametrize(("photos", "kind"), [([RED] * 21, "invalid-value"), ([RED, b""], "unusable-picture")])
def test_too_many_photos_and_an_empty_one_are_refused(service: Client, photos: list[bytes], kind: str) -> None:
    answer = ask(service, photos)
    assert (answer.status, answer.problem) == (422, kind)


@pytest.fixture(scope="module")
def pictured_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack that matches by mean colour, with drawn labels as thumbnails."""
    folder = write_service_pack(tmp_path_factory.mktemp("pictured") / "pack", name="pictured", calibrated=False)
    (folder / "thumbnails.sqlite").unlink()
    count = len(colour_packs.COLOURS)
    write_thumbnails(folder / "thumbnails.sqlite", [(at, _webp(label(at))) for at in range(1, count + 1)])
    manifest = parse_manifest((folder / MANIFEST_NAME).read_bytes(), where="test")
    assert manifest.thumbnails is not None
    manifest = replace(manifest, thumbnails=replace(manifest.thumbnails, side_px=SIDE_PX))
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(colour_packs.with_files(manifest, folder)))
    return folder


@pytest.fixture(scope="module")
def pictured(pictured_pack: Path) -> Iterator[Client]:
    pytest.importorskip("cv2", reason="the extra geometry is not installed")
    publish(pictured_pack, pictured_pack.parent / "repo", now_utc=NOW)
    with live("--repo", str(pictured_pack.parent / "repo")) as client:
        yield client


@pytest.fixture(scope="module")
def view() -> bytes:
    """A photo of green's label, with red as the strongest colour."""
    image = view_of(label(OF_GREEN), CORNERS)
    buffer = io.BytesIO()
    Image.blend(image, Image.new("RGB", image.size, (255, 60, 60)), 0.3).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("top_k", ["1", "4"])
def test_points_are_compared_as_on_the_device(
    pictured: Client, pictured_pack: Path, view: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str], top_k: str
) -> None:
    assert ask(pictured, [view]).json()["matches"][0]["id"] != "green"
    answer = ask(pictured, [view], verify_geometry="true", top_k=top_k).json()
    assert answer["matches"][0]["id"] == "green"
    assert answer["matches"][0]["matched_points"] >= 20
    device = on_the_device(pictured_pack, [view], tmp_path, capsys, "--verify-geometry", "--top-k", top_k)
    assert comparable(answer) == device


def test_many_comparisons_at_once_all_come_out_the_same(pictured: Client, view: bytes) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(pictured, [view], verify_geometry="true"), range(12)))
    assert {answer.status for answer in answers} == {200}
    assert len({json.dumps(comparable(answer.json())) for answer in answers}) == 1


def test_a_pack_without_thumbnails_says_that_it_has_none(tmp_path: Path) -> None:
    folder = write_service_pack(tmp_path / "pack")
    (folder / "thumbnails.sqlite").unlink()
    manifest = parse_manifest((folder / MANIFEST_NAME).read_bytes(), where="test")
    manifest = replace(colour_packs.with_files(manifest, folder), thumbnails=None)
    (folder / MANIFEST_NAME).write_bytes(serialise_manifest(manifest))
    publish(folder, tmp_path / "repo", now_utc=NOW)
    with live("--repo", str(tmp_path / "repo")) as client:
        answer = ask(client, [RED], verify_geometry="true")
        assert (answer.status, answer.problem) == (422, "invalid-value")
        assert "has no thumbnails" in answer.json()["detail"]


def test_a_server_without_opencv_says_what_to_install_and_answers_all_else(service_repo: Path, tmp_path: Path) -> None:
    (tmp_path / "cv2.py").write_text("raise ImportError('not here')")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with live("--repo", str(service_repo), env=env) as client:
        answer = ask(client, [RED], verify_geometry="true")
        assert (answer.status, answer.problem) == (503, "unavailable")
        assert "pip install 'edge-identify[geometry]'" in answer.json()["detail"]
        assert ask(client, [RED]).json()["matches"][0]["id"] == "red"


def _webp(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=95)
    return buffer.getvalue()
