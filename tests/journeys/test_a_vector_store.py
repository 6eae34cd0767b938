"""The vector store's embedder, from folders and lists to answers: namespaces, facts about images."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drawn_views import label
from live_service import Client, live

#: Of each image: its file, its namespace, its path as answers tell it, and what the list says of it.
IMAGES: dict[str, tuple[str, str, dict[str, str]]] = {
    "album/first.gif": ("album", "first.gif", {}),
    "album/deep/second.webp": ("album", "deep/second.webp", {}),
    "signs/third.bmp": (
        "signs", "signs/third.bmp", {"label": "crab", "category": "animal", "subcategory": "crustacean"}
    ),
    "signs/fourth.png": ("signs", "fourth.png", {"label": "arrow"}),  # its path in the list is absolute: never told
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images, and a list of some of them with comments, a relative and an absolute path."""
    folder = tmp_path_factory.mktemp("store")
    for number, path in enumerate(IMAGES):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        label(number).save(folder / path, lossless=True)
    lines = ("# our signs", "signs/third.bmp,crab,animal,crustacean", "", f"{folder}/signs/fourth.png,arrow")
    (folder / "list.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def service(folder: Path, succeed: Callable[..., str]) -> Iterator[Client]:
    catalogue, pack, repo = folder / "my.catalogue", folder / "pack", folder / "repo"
    for source, namespace in ((f"images:{folder / 'album'}", "album"), (f"image-list:{folder / 'list.txt'}", "signs")):
        source_words = (source, "--namespace", namespace, "--catalogue", catalogue, "--json")
        assert json.loads(succeed("edge-build", "add", *source_words))["added"] == 2
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
    succeed("edge-build", "pack", *words, "--file-names", "--batch-size", "3")
    succeed("edge-serve", "publish", "--pack", pack, "--repo", repo)
    with live("--repo", str(repo)) as client:
        yield client


def image(number: int) -> bytes:
    buffer = io.BytesIO()
    label(number).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def entries(service: Client, path: str, body: object) -> list[dict[str, Any]]:
    answer = service.post_json(path, body)
    assert answer.status == 200, answer.data
    found: list[dict[str, Any]] = answer.json()["results"]
    assert [entry["score"] for entry in found] == sorted((entry["score"] for entry in found), reverse=True)
    return found


def test_an_images_vector_finds_it_with_its_namespace_and_what_is_known_of_it(service: Client) -> None:
    for number, (file, (namespace, path, said)) in enumerate(IMAGES.items()):
        vector = service.post_file("/embed-image", image(number)).json()["embedding"]
        found = entries(service, "/api/v1/vectors/search", {"embedding": vector, "limit": 2})
        assert len(found) == 2
        assert found[0]["score"] > found[1]["score"] + 0.1
        assert found[0]["namespace"] == namespace
        known = {
            "type": "image",
            "filename": Path(file).name,
            "path": path,
            "extension": Path(file).suffix,
            "namespace": namespace,
            "label": None,
            **said,
        }
        assert {name: found[0]["metadata"].get(name) for name in known} == known


def test_no_answer_tells_where_the_images_lay_on_the_makers_disk(service: Client, folder: Path) -> None:
    answer = service.post_json("/api/v1/search", {"text": "a dog", "limit": 100})
    assert len(answer.json()["results"]) == len(IMAGES)
    assert str(folder).encode() not in answer.data


def test_a_text_is_searched_for_in_all_namespaces_or_in_one(service: Client) -> None:
    everywhere = entries(service, "/api/v1/search", {"text": "a dog", "limit": 3})
    signs = entries(service, "/api/v1/search", {"text": "a dog", "limit": 10, "namespace": "signs"})
    assert len(everywhere) == 3
    assert {entry["namespace"] for entry in signs} == {"signs"}
    assert len(signs) == 2
    alike = {entry["id"]: entry["score"] for entry in everywhere}
    assert all(entry["score"] == alike.get(entry["id"], entry["score"]) for entry in signs)


def test_folders_inside_are_left_out_if_asked(folder: Path, succeed: Callable[..., str], tmp_path: Path) -> None:
    words = (f"images:{folder / 'album'}", "--no-recursive", "--catalogue", tmp_path / "c", "--json")
    assert json.loads(succeed("edge-build", "add", *words))["added"] == 1


def test_a_pair_of_model_and_weights_that_there_is_not_names_the_one_meant(
    folder: Path, run: Callable[..., Any], tmp_path: Path
) -> None:
    words = ("--catalogue", folder / "my.catalogue", "--name", "pictures", "--out", tmp_path / "pack")
    refused = run("edge-build", "pack", *words, "--model", "ViT-L-14", "--pretrained", "laion2b_s34b_b79k")
    assert refused.code == 8
    assert "laion2b_s32b_b82k" in refused.err.splitlines()[-1]
    assert not (tmp_path / "pack").exists()
