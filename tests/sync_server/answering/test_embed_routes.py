"""`POST /v1/embed/image` on a live server; `/v1/embed/text` is in `test_search_route`."""

from __future__ import annotations

import math

import pytest

from live_service import Client
from service_packs import photo_of

RED = photo_of((255, 0, 0))
SPACE = "c" * 64


def test_vectors_of_images_have_unit_length_and_say_their_space(service: Client) -> None:
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
