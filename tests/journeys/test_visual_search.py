"""The visual search from its numbered files to its answers: `1_cat.jpeg` in a folder, in a bucket and at URLs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from misbehaving_server import MisbehavingServer, Request, misbehaving_server

from drawn_views import label
from live_service import Client, live
from mlflow_server import MlflowServer, mlflow_server
from s3_server import CREDENTIALS, S3Server, s3_server

NAMES = ("cat", "red fox", "owl", "hare", "newt", "toad")
PATTERN = r"(?P<id>\d+)_(?P<name>.+)"


def jpeg(number: int, *, side: int = 240) -> bytes:
    buffer = io.BytesIO()
    label(number).resize((side, side * 3 // 4)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def file_name(number: int) -> str:
    return f"{number}_{NAMES[number - 1]}.jpeg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The built pack and the record of its build."""

    catalogue: Path
    repo: Path
    runs: MlflowServer


@pytest.fixture(scope="module")
def shop(succeed: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Read two images from a folder, two from a bucket and two from URLs; build and publish a pack."""
    folder = tmp_path_factory.mktemp("shop")
    catalogue, pack, repo = folder / "my.catalogue", folder / "pack", folder / "repo"

    def add(source: str, *words: object) -> None:
        succeed("edge-build", "add", source, *words, "--name-pattern", PATTERN, "--catalogue", catalogue)

    add(f"images:{write_files(folder / 'products')}")
    with s3_server() as s3:
        fill(s3)
        add("s3://shop/products", "--endpoint", s3.endpoint)
    with misbehaving_server() as web:
        add(f"urls:{write_addresses(folder / 'addresses.txt', web)}", "--allow-private")
    words = [
        "--catalogue",
        catalogue,
        "--name",
        "shop",
        "--out",
        pack,
        "--variants",
        "onnx-int8",
        "--local-features",
        "none",
    ]
    with mlflow_server() as runs:
        succeed("edge-build", "pack", *words, *(["--mlflow", runs.url] if find_spec("mlflow") else []))
    succeed("edge-serve", "publish", "--pack", pack, "--repo", repo)
    return Shop(catalogue=catalogue, repo=repo, runs=runs)


@pytest.fixture(scope="module", autouse=True)
def _credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield


def write_files(folder: Path) -> Path:
    folder.mkdir()
    for number in (1, 2):
        (folder / file_name(number)).write_bytes(jpeg(number))
    return folder


def fill(s3: S3Server) -> None:
    s3.make_bucket("shop", is_public=False)
    for number in (3, 4):
        s3.ask(f"/shop/products/{file_name(number)}", method="PUT", data=jpeg(number))


def write_addresses(file: Path, web: MisbehavingServer) -> Path:
    def product(request: Request) -> None:
        number = int(Path(request.path).name.partition("_")[0])
        request.answer(503) if request.asked == 1 else request.answer(200, jpeg(number))

    web.behaviours["products"] = product
    file.write_text("".join(web.url(f"products/{file_name(number)}\n") for number in (5, 6)))
    return file


@pytest.fixture(scope="module")
def service(shop: Shop) -> Iterator[Client]:
    with live("--repo", str(shop.repo)) as client:
        yield client


def test_each_photo_finds_the_product_whose_number_and_name_its_file_had(service: Client) -> None:
    for number, name in enumerate(NAMES, start=1):
        answer = service.post_file("/visual-search/?top_k=2", jpeg(number, side=160)).json()
        assert set(answer) == {"results", "scores"}
        assert answer["results"][0] == {"id": str(number), "product_id": str(number), "name": name}
        first, second = answer["scores"]
        assert 1 >= first > 0.8 > second


def test_five_are_returned_unless_another_number_is_asked_for(service: Client) -> None:
    assert len(service.post_file("/visual-search/", jpeg(1)).json()["results"]) == 5
    assert len(service.post_file("/visual-search/?top_k=100", jpeg(1)).json()["scores"]) == len(NAMES)


@pytest.mark.parametrize("photo", [b"", b"no picture"])
def test_what_is_no_photo_is_refused(service: Client, photo: bytes) -> None:
    assert 400 <= service.post_file("/visual-search/", photo).status < 500


def test_the_build_is_recorded_in_the_catalogue(shop: Shop, succeed: Callable[..., str]) -> None:
    [build] = json.loads(succeed("edge-build", "history", "--catalogue", shop.catalogue, "--json"))["builds"]
    assert (build["pack_name"], build["reference_count"]) == ("shop", len(NAMES))


@pytest.mark.skipif(find_spec("mlflow") is None, reason="the extra mlflow is not installed")
def test_the_build_is_a_run_in_mlflow(shop: Shop, succeed: Callable[..., str]) -> None:
    [build] = json.loads(succeed("edge-build", "history", "--catalogue", shop.catalogue, "--json"))["builds"]
    [created], [logged], [updated] = (shop.runs.said[f"runs/{word}"] for word in ("create", "log-batch", "update"))
    assert {"key": "data_sha256", "value": build["data_sha256"]} in created["tags"]
    assert {"key": "variants", "value": "onnx-int8"} in logged["params"]
    assert {metric["key"]: metric["value"] for metric in logged["metrics"]}["references"] == len(NAMES)
    assert updated["status"] == "FINISHED"
