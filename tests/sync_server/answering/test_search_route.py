"""`POST /v1/search` on a live server, by text, vector and image, and problems for invalid requests."""

from __future__ import annotations

import math

import pytest

from live_service import Client, Reply
from service_packs import photo_of

RED = photo_of((255, 0, 0))
SPACE = "c" * 64


def ids(answer: Reply) -> list[str]:
    assert answer.status == 200, answer.data
    return [match["id"] for match in answer.json()["matches"]]


def test_references_are_found_by_a_text_a_vector_and_an_image(service: Client) -> None:
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


def test_a_name_with_a_typing_error_is_found_and_the_answer_says_why(service: Client) -> None:
    first = service.post_json("/v1/search", {"text": "crimsn"}).json()["matches"][0]

    assert (first["id"], first["why"][0]["corrected"]) == ("crimson", {"crimsn": "crimson"})
    assert ids(service.post_json("/v1/search", {"text": "PURE BLUE"}))[0] == "blue/2"


@pytest.mark.parametrize("text", ["77777", "🍕", '"77" *', "7" * 2000])
def test_a_text_that_nothing_answers_has_no_matches_and_a_note(service: Client, text: str) -> None:
    answer = service.post_json("/v1/search", {"text": text})

    assert ids(answer) == []
    assert "knows none of these words" in answer.json()["note"]


def test_a_namespace_in_a_text_is_suggested_or_applied(service: Client) -> None:
    suggested = service.post_json("/v1/search", {"text": "ra in paris"}).json()
    applied = service.post_json("/v1/search", {"text": "ra in paris", "auto_namespace": True}).json()
    assert (suggested["suggested_namespaces"], suggested["filters"]) == (["Paris"], None)
    assert applied["filters"] == {"namespaces": ["Paris"], "labels": {}}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"embedding": [1, 0, 0], "embedding_space": "d" * 64}, "vectors of different spaces"),
        ({"embedding": [1, 0, 0]}, "`embedding_space` is missing"),
        ({"embedding": [1, 0], "embedding_space": SPACE}, "has 2 numbers; pack letters has 3"),
        ({"embedding": [0, 0, 0], "embedding_space": SPACE}, "all zeros"),
        ({"embedding": [1, "a", 0], "embedding_space": SPACE}, "not a number"),
        ({"embedding": [1, True, 0], "embedding_space": SPACE}, "not a number"),
        ({"embedding": [10**400, 0, 0], "embedding_space": SPACE}, "outside the range of a float"),
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
