"""The flash identifier and the embedding service, from their references to their clients' answers.

Mosaics are fetched in bulk from a misbehaving server, and read from a table of files, with cities, points, status,
hints and positions. One pack is built, and one service answers the clients of both services. If `EDGE_IDENTIFY_DATA`
names the folder with the whole table of mosaics, the same is done with it.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from misbehaving_server import MisbehavingServer, Request, misbehaving_server
from PIL import Image

from drawn_views import label
from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from live_service import Client, live

FETCHED, FILED = 6, 3
ATTRIBUTES = ("points", "status", "hint")
DATA = "EDGE_IDENTIFY_DATA"

Row = dict[str, str]
Run = Callable[..., Any]


def row(number: int) -> Row:
    """The table row of a mosaic. Some have no hint or no position."""
    is_placed = number % 4 != 3
    return {
        "id": f"PA_{number:02}",
        "name": f"Mosaic {number}, \u00e0 c\u00f4t\u00e9",
        "city": ("Paris", "Aix-en-Provence", "S\u00e3o Paulo")[number % 3],
        "points": str(10 * (number + 1)),
        "status": ("OK", "degraded", "destroyed")[number % 3],
        "hint": "behind the fountain, to the left" if number % 2 else "",
        "lat": str(48.85 + number / 100) if is_placed else "",
        "lng": str(-2.35 - number / 100) if is_placed else "",
    }


def write_table(file: Path, rows: Sequence[Row]) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def photo(number: int) -> bytes:
    """A mosaic's image, smaller and compressed."""
    buffer = io.BytesIO()
    label(number).resize((180, 135)).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def mosaic(request: Request) -> None:
    """Answer with an image. For every other one, the first request gets 503."""
    number = int(Path(request.path).stem)
    if number % 2 and request.asked == 1:
        return request.answer(503)
    buffer = io.BytesIO()
    label(number).save(buffer, "PNG")
    return request.answer(200, buffer.getvalue(), {"Content-Type": "image/png"})


def web_page(request: Request) -> None:
    request.answer(200, b"<html>Sign in</html>", {"Content-Type": "text/html"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mosaics:
    """The rows, the result of fetching, the pack and its repository."""

    rows: tuple[Row, ...]
    addresses: dict[str, str]
    fetched: Any
    pack: Path
    repo: Path


@pytest.fixture(scope="module")
def mosaics(run: Run, succeed: Run, tmp_path_factory: pytest.TempPathFactory) -> Mosaics:
    folder = tmp_path_factory.mktemp("mosaics")
    rows = tuple(row(number) for number in range(FETCHED + FILED))
    catalogue, mapping = folder / "my.catalogue", ("--map", "namespace=city", "--attributes", ",".join(ATTRIBUTES))
    with misbehaving_server() as server:
        addresses = write_addresses(folder / "addresses.csv", rows[:FETCHED], server)
        source_words = (f"urls:{folder / 'addresses.csv'}", "--allow-private", *mapping, "--catalogue", catalogue)
        fetched = run("edge-build", "add", *source_words)
    for number in range(FETCHED, FETCHED + FILED):
        label(number).save(folder / f"{number}.png")
    write_table(folder / "files.csv", [{"file": f"{at}.png", **rows[at]} for at in range(FETCHED, FETCHED + FILED)])
    succeed("edge-build", "add", f"table:{folder / 'files.csv'}", *mapping, "--catalogue", catalogue)
    pack, repo = folder / "pack", folder / "repo"
    words = (
        "--catalogue",
        catalogue,
        "--name",
        "mosaics",
        "--out",
        pack,
        "--variants",
        "onnx-int8",
        "--local-features",
        "none",
    )
    succeed("edge-build", "pack", *words)
    succeed("edge-serve", "publish", "--pack", pack, "--repo", repo)
    return Mosaics(rows=rows, addresses=addresses, fetched=fetched, pack=pack, repo=repo)


def write_addresses(file: Path, rows: Sequence[Row], server: MisbehavingServer) -> dict[str, str]:
    """Write the table of URLs, two of them dead; return the others by id."""
    server.behaviours["mosaic"], server.behaviours["sign-in"] = mosaic, web_page
    addresses = {row["id"]: server.url(f"mosaic/{number}.png") for number, row in enumerate(rows)}
    dead = [
        {**row(90), "image_url": server.url("no-picture/90.png")},
        {**row(91), "image_url": server.url("sign-in/91.png")},
    ]
    server.behaviours["no-picture"] = lambda request: request.answer(404)
    write_table(file, [*({**row, "image_url": addresses[row["id"]]} for row in rows), *dead])
    return addresses


@pytest.fixture(scope="module")
def service(mosaics: Mosaics) -> Iterator[Client]:
    with live("--repo", str(mosaics.repo), env={**os.environ, "LOG_LEVEL": "info"}) as client:
        yield client


def test_all_images_that_there_are_come_from_a_server_that_misbehaves(mosaics: Mosaics) -> None:
    assert mosaics.fetched.code == 1
    assert f"{FETCHED} added" in mosaics.fetched.out
    skipped = [line for line in mosaics.fetched.err.splitlines() if line.startswith("skipped: ")]
    assert len(skipped) == 2
    assert "no-picture/90.png" in skipped[0]
    assert "404" in skipped[0]
    assert "sign-in/91.png" in skipped[1]


def test_the_flash_identifiers_clients_are_answered(mosaics: Mosaics, service: Client) -> None:
    health = service.get("/health").json()
    assert (health["status"], health["model_loaded"]) == ("ok", True)
    for number, known in enumerate(mosaics.rows):
        answer = service.post_file("/identify", photo(number), ("top_k", "3")).json()
        assert set(answer) == {"matches", "processing_time_ms"}
        assert len(answer["matches"]) == 3
        first, second, _ = answer["matches"]
        assert first["flash_id"] == known["id"]
        assert first["flash_name"] == known["name"]
        assert first["location"] == place_of(known)
        assert first["image_url"] == mosaics.addresses.get(known["id"])
        assert 1 >= first["similarity"] > second["similarity"]
        assert first["confidence"] > second["confidence"]  # so small a pack is not certain of each photo


def test_what_the_tables_say_of_a_mosaic_is_in_the_answer(mosaics: Mosaics, service: Client) -> None:
    for number, known in enumerate(mosaics.rows):
        check_facts(known, service.post_file("/v1/identify", photo(number)).json()["matches"][0])
    in_paris = service.request(
        "POST", "/v1/identify", fields=[("file", ("photo.jpg", photo(1), "image/jpeg")), ("namespace", "Paris")]
    ).json()["matches"]
    assert {match["namespace"] for match in in_paris} == {"Paris"}


def check_facts(known: Row, match: dict[str, Any]) -> None:
    """Check that a match has the facts of a table row."""
    assert (match["id"], match["namespace"]) == (known["id"], known["city"])
    told = {name: match["attributes"][name] for name in ATTRIBUTES if name in match["attributes"]}
    assert told == {name: known[name] for name in ATTRIBUTES if known[name]}
    assert match["location"] == place_of(known)


def place_of(known: Row) -> dict[str, float] | None:
    return {"lat": float(known["lat"]), "lng": float(known["lng"])} if known["lat"] else None


def test_the_embedding_services_clients_are_answered(mosaics: Mosaics, service: Client) -> None:
    model = read_manifest(mosaics.pack).model
    assert {"service", "version", "status"} <= service.get("/").json().keys()
    assert {"status", "model_loaded", "device"} <= service.get("/health").json().keys()

    answer = service.post_file("/embed-image", photo(0)).json()
    assert set(answer) == {"embedding", "model", "device"}
    assert len(answer["embedding"]) == model.dim
    assert answer["model"] == f"{model.name}/{model.pretrained}"
    assert math.hypot(*answer["embedding"]) == pytest.approx(1, abs=1e-5)
    assert service.post_file("/embed-image", photo(0)).json() == answer


def test_the_nearest_vector_by_cosine_is_the_same_mosaics(service: Client) -> None:
    def embed(data: bytes) -> list[float]:
        return list(service.post_file("/embed-image", data).json()["embedding"])

    def original(number: int) -> bytes:
        buffer = io.BytesIO()
        label(number).save(buffer, "PNG")
        return buffer.getvalue()

    stored = [embed(original(number)) for number in range(FETCHED + FILED)]
    for number in range(FETCHED + FILED):
        question = embed(photo(number))
        cosines = [sum(map(float.__mul__, question, vector)) for vector in stored]
        assert max(cosines) == cosines[number] > 0.8


def test_the_log_says_what_was_asked_and_nothing_of_the_photo(service: Client) -> None:
    service.post_file("/embed-image", photo(2), name="my-secret-place.jpg")
    end = time.monotonic() + 30
    while not any("embed-image" in line for line in service.lines):
        assert time.monotonic() < end, service.lines
        time.sleep(0.05)
    assert all(json.loads(line) for line in service.lines)
    assert not any("my-secret-place" in line for line in service.lines)


@pytest.mark.skipif(DATA not in os.environ, reason=f"{DATA} names no folder with invaders/references.csv")
def test_the_whole_table_of_mosaics_becomes_a_pack_that_tells_what_it_says(succeed: Run, tmp_path: Path) -> None:
    table = Path(os.environ[DATA]) / "invaders/references.csv"
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    table_words = (
        "--map",
        "namespace=city",
        "--attributes",
        ",".join(ATTRIBUTES),
        "--catalogue",
        tmp_path / "c",
        "--json",
    )
    assert json.loads(succeed("edge-build", "add", f"table:{table}", *table_words))["references_added"] == len(rows)
    pack = tmp_path / "pack"
    words = (
        "--catalogue",
        tmp_path / "c",
        "--name",
        "mosaics",
        "--out",
        pack,
        "--variants",
        "onnx-int8",
        "--local-features",
        "none",
        "--json",
    )
    assert json.loads(succeed("edge-build", "pack", *words))["references"] == len(rows)
    succeed("edge-serve", "publish", "--pack", pack, "--repo", tmp_path / "repo")
    asked = rows[:: len(rows) // 100]
    with live("--repo", str(tmp_path / "repo")) as client:
        right = 0
        for known in asked:
            with Image.open(table.parent / known["path"]) as image, io.BytesIO() as buffer:
                image.convert("RGB").save(buffer, "JPEG", quality=85)
                data = buffer.getvalue()
            flash = client.post_file("/identify", data, ("top_k", "1")).json()["matches"][0]
            if flash["flash_id"] == known["id"]:  # a few mosaics share one design
                right += 1
                assert flash["location"] == pytest.approx(place_of(known), abs=1e-9)
                check_facts(known, client.post_file("/v1/identify", data).json()["matches"][0])
    assert right >= 0.95 * len(asked)
