"""`POST /v1/identify` on a live server: the same answers as on the device, and problems for invalid requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_identify.edge_runtime.answers import answer_json
from edge_identify.edge_runtime.cli.main import main as identify
from json_schema import faults
from live_service import Client
from service_packs import photo_of

RED = photo_of((255, 0, 0))
GREY = photo_of((120, 120, 120))


def device_answer(folder: Path, photo: bytes, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """Return the output of `edge-identify --jsonl`, without fields that differ between runs."""
    (folder / "photo.jpg").write_bytes(photo)
    identify([str(folder / "photo.jpg"), "--jsonl", *words])
    return comparable(json.loads(capsys.readouterr().out))


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without fields that differ between runs, and without image URLs, which devices lack."""
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


@pytest.mark.parametrize("count", ["0", "-1", "1000000000", "five", "5.5", "", "9" * 30, "٣"])
def test_counts_that_are_none_are_refused(service: Client, count: str) -> None:
    answer = service.post_file("/v1/identify", RED, ("top_k", count))
    assert (answer.status, answer.problem) == (422, "invalid-value")
    assert "`top_k` is" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"near": "91,0"}, "outside -90 to 90"),
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


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"namespace": "Rome"}, "no namespace 'Rome'"),
        ({"label": "label=hot"}, "no label of kind 'label' 'hot'"),
        ({"namespace": "Paris", "label": "label=cold"}, "no reference passes all filters"),
        ({"pack": "third"}, "it has letters"),
    ],
)
def test_names_that_nothing_has_are_not_found(service: Client, form: dict[str, str], said: str) -> None:
    answer = service.post_file("/v1/identify", RED, *form.items())
    assert (answer.status, answer.problem) == (404, "not-found")
    assert said in answer.json()["detail"]
