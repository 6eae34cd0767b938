"""The routes of the five older services on a live server, with the parameters and fields of their documentation."""

from __future__ import annotations

import math

import pytest

from live_service import Client, Reply
from service_packs import photo_of

RED, GREY = photo_of((255, 0, 0)), photo_of((120, 120, 120))
BUCKET = "/api/demo_backend_v2/image_search"


def test_the_flash_identifier(service: Client) -> None:
    answer = service.post_file("/identify", RED, ("top_k", "3")).json()

    assert set(answer) == {"matches", "processing_time_ms"}
    assert answer["processing_time_ms"] > 0
    assert len(answer["matches"]) == 3
    first, second, _ = answer["matches"]
    assert first | {"similarity": 0, "confidence": 0} == {
        "flash_id": "red",
        "flash_name": "Pure red",
        "similarity": 0,
        "confidence": 0,
        "location": {"lat": 48.85, "lng": 2.35},
        "image_url": "https://example.org/red.jpg",
    }
    assert first["similarity"] == pytest.approx(1, abs=1e-3)
    assert first["confidence"] != first["similarity"]  # a probability, and no repetition of the similarity
    assert second["location"] is None
    assert len(service.post_file("/identify", RED).json()["matches"]) == 4  # the default is 5, the pack has 4


def test_the_flash_identifier_s_image_is_a_thumbnail_where_its_maker_recorded_no_address(service: Client) -> None:
    match = service.post_file("/identify", photo_of((0, 255, 0)), ("top_k", "1")).json()["matches"][0]
    assert match["image_url"] == f"{service.url}/v1/packs/letters/thumbnails/2"
    assert service.get(match["image_url"].removeprefix(service.url)).headers["Content-Type"] == "image/webp"


def test_the_embedding_service(service: Client) -> None:
    answer = service.post_file("/embed-image", RED).json()

    assert set(answer) == {"embedding", "model", "device"}
    assert math.sqrt(sum(number * number for number in answer["embedding"])) == pytest.approx(1, abs=1e-5)
    assert (answer["model"], answer["device"]) == ("mean-colour/none", "cpu")
    health = service.get("/health").json()
    assert (health["status"], health["model_loaded"], health["device"]) == ("ok", True, "cpu")
    information = service.get("/").json()
    assert {"service", "version", "status"} <= information.keys()


def test_the_bucket_search_by_a_text(service: Client) -> None:
    answer = service.post_json(f"{BUCKET}/search", {"query": "ra", "k": 2}).json()

    assert [set(found) for found in answer] == [{"distance", "folder", "s3_path", "image_url"}] * 2
    assert answer[0] | {"distance": 0} == {
        "distance": 0,
        "folder": "Paris",
        "s3_path": "nature/red.jpg",
        "image_url": "https://example.org/red.jpg",
    }
    assert answer[1]["s3_path"] == "Paris/crimson"
    assert len(service.post_json(f"{BUCKET}/search", {"query": "ra"}).json()) == 4  # 5 by default


def test_searches_by_text_find_names_and_answer_nothing_by_chance(service: Client) -> None:
    assert found(service.post_json("/api/v1/search", {"text": "Crimsn"}))[0] == "crimson"
    for text in ("77777", "🍕"):
        assert found(service.post_json("/api/v1/search", {"text": text})) == []
        assert service.post_json(f"{BUCKET}/search", {"query": text}).json() == []


def test_the_bucket_search_is_ordered_by_distance_even_where_a_name_is_exact(service: Client) -> None:
    answer = service.post_json(f"{BUCKET}/search", {"query": "pure blue"}).json()

    distances = [one["distance"] for one in answer]
    assert distances == sorted(distances)


def test_the_bucket_search_finds_a_folder_in_the_text(service: Client) -> None:
    named = service.post_json(f"{BUCKET}/search", {"query": "show me nature photos"}).json()
    given = service.post_json(f"{BUCKET}/search", {"query": "nature", "folder": "Paris"}).json()
    anywhere = service.post_json(f"{BUCKET}/search", {"query": "show me photos", "folder": None}).json()

    assert {found["folder"] for found in named} == {"nature"}
    assert {found["folder"] for found in given} == {"Paris"}
    assert {found["folder"] for found in anywhere} == {"nature", "Paris"}


def test_the_bucket_search_s_distance_is_between_unit_vectors(service: Client) -> None:
    references = ([1, 0, 0], [0, 1, 0])  # the unit vectors of red and green
    query = service.post_file("/embed-image", GREY).json()["embedding"]
    found = service.post_file(f"{BUCKET}/search_by_image?k=4", GREY).json()
    by_reference = {one["image_url"].rpartition("/")[2]: one["distance"] for one in found}

    assert by_reference["red.jpg"] == pytest.approx(math.dist(references[0], query), abs=1e-5)
    assert by_reference["2"] == pytest.approx(math.dist(references[1], query), abs=1e-5)
    assert [one["distance"] for one in found] == sorted(one["distance"] for one in found)
    assert service.post_file(f"{BUCKET}/search_by_image?k=1", RED).json()[0]["distance"] == pytest.approx(0, abs=0.01)
    assert len(service.post_file(f"{BUCKET}/search_by_image", RED).json()) == 4  # 5 by default


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("search", {"k": 5}, 400),
        ("search", {"query": ""}, 400),
        ("search", {"query": "ra", "k": 0}, 400),
        ("search", {"query": "ra", "k": 101}, 400),
        ("search", {"query": "ra", "k": "five"}, 400),
        ("search", b"{", 400),
        ("search", {"query": "ra", "folder": "sports"}, 404),
        ("search", {"query": "ra", "k": 100}, 200),
    ],
)
def test_the_bucket_search_has_the_errors_that_it_had(service: Client, path: str, body: object, status: int) -> None:
    assert service.post_json(f"{BUCKET}/{path}", body).status == status


@pytest.mark.parametrize(("k", "photo"), [("0", RED), ("101", RED), ("five", RED), ("5", b""), ("5", b"no picture")])
def test_the_bucket_search_by_image_has_the_errors_that_it_had(service: Client, k: str, photo: bytes) -> None:
    answer = service.post_file(f"{BUCKET}/search_by_image?k={k}", photo)
    assert (answer.status, answer.problem) == (400, "malformed-request")


def test_the_visual_search(service: Client) -> None:
    answer = service.post_file("/visual-search/?top_k=2", RED).json()

    assert set(answer) == {"results", "scores"}
    assert answer["results"] == [
        {"id": "red", "product_id": "7", "name": "Pure red"},
        {"id": "crimson", "product_id": "crimson", "name": "Crimson"},
    ]
    assert answer["scores"] == sorted(answer["scores"], reverse=True)
    assert len(answer["scores"]) == 2
    assert len(service.post_file("/visual-search/", RED).json()["results"]) == 4  # 5 by default


def found(answer: Reply) -> list[str]:
    assert answer.status == 200, answer.data
    assert all(set(entry) == {"id", "score", "namespace", "metadata"} for entry in answer.json()["results"])
    return [entry["id"] for entry in answer.json()["results"]]


def test_the_vector_store_s_search_by_a_text(service: Client) -> None:
    assert found(service.post_json("/api/v1/search", {"text": "ra", "limit": 1})) == ["red"]
    narrowed = service.post_json("/api/v1/search", {"text": "ra", "limit": 5, "namespace": "nature"})
    assert set(found(narrowed)) == {"green", "blue/2"}
    assert service.post_json("/api/v1/search", {"text": "ra", "namespace": "sports"}).status == 404
    metadata = service.post_json("/api/v1/search", {"text": "ra"}).json()["results"][0]["metadata"]
    assert {"type", "filename", "path", "extension", "label", "namespace"} <= metadata.keys()
    assert (metadata["type"], metadata["label"], metadata["namespace"]) == ("image", "warm", "Paris")


def test_the_vector_store_says_what_is_known_of_an_image(service: Client) -> None:
    vector = service.post_file("/embed-image", photo_of((0, 255, 0))).json()["embedding"]
    (green,) = service.post_json("/api/v1/vectors/search", {"embedding": vector, "limit": 1}).json()["results"]
    known = {name: green["metadata"][name] for name in ("type", "filename", "path", "extension")}
    assert known == {"type": "image", "filename": "green.png", "path": "art/green.png", "extension": ".png"}


def test_the_vector_store_s_search_by_a_vector(service: Client) -> None:
    vector = service.post_file("/embed-image", photo_of((0, 255, 0))).json()["embedding"]

    assert found(service.post_json("/api/v1/vectors/search", {"embedding": vector, "limit": 1})) == ["green"]
    for wrong in ([1.0, 0.0], [0, 0, 0], [], "vector", [1, None, 0]):
        assert service.post_json("/api/v1/vectors/search", {"embedding": wrong}).problem == "invalid-value"
    for broken in (b'{"embedding": [NaN, 0, 1]}', b'{"embedding": [Infinity, 0, 1]}'):
        assert service.post_json("/api/v1/vectors/search", broken).problem == "malformed-request"


@pytest.mark.parametrize("path", ["/identify", "/embed-image", f"{BUCKET}/search_by_image", "/visual-search/"])
def test_fields_that_our_engine_does_not_know_are_passed_over(service: Client, path: str) -> None:
    assert service.post_file(path, RED, ("debug", "1"), ("pack_id", "x")).status == 200
    assert service.post_file(f"{path}?pack=none", RED).status == 404
