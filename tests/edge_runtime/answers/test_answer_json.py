"""The object that programs get: as documented, as the schema file says, and safe to print."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_identify.edge_runtime.answers import answer_json
from edge_identify.edge_runtime.answers.answer_json import answer_as_line, answers_as_json
from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.errors import PhotoError
from example_answers import ANSWERED_BY, CAT, DOG, decided, placed, uncalibrated
from json_schema import faults

SCHEMA_FILE = Path(answer_json.__file__).with_name("answer.schema.json")
FAILED = FailedPhoto(question="q.jpg", error=PhotoError("q.jpg: is not an image"))


def schema_faults(document: Any) -> list[str]:
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return faults(document, schema, root=schema)


def test_the_json_object_is_the_documented_one() -> None:
    document = json.loads(answers_as_json([uncalibrated(), FAILED], ANSWERED_BY))

    assert document["schema"] == 2
    assert document["pack"] == {"name": "museum", "version": "1.0.0"}
    assert document["encoder"] == "onnx-int8"
    first, second = document["answers"]
    assert first["decision"] is None
    assert first["known_probability"] is None
    assert first["look_alikes"] is None
    assert first["matches"][0] == {
        "rank": 1, "id": "cat-1", "name": "Seated cat, bronze", "score": 0.912346, "confidence": None, "band": None,
        "namespace": "museum",
        "labels": {"label": "cat"}, "location": {"lat": 1.5, "lng": -2.5}, "url": "https://example.org/cat",
        "licence": "CC0-1.0", "attributes": {"hall": "7"}, "place": None,
            "matched_points": None,
    }  # fmt: skip
    assert first["matches"][1]["location"] is None
    assert second == {"photo": "q.jpg", "error": "q.jpg: is not an image"}


def test_the_time_of_each_stage_is_in_the_object() -> None:
    first = json.loads(answer_as_line(uncalibrated(), ANSWERED_BY))

    assert first["stage_seconds"] == {"prepare": 0.002346, "encode": 0.007, "search": 0.002, "decide": 0.001}
    assert first["seconds"] == pytest.approx(0.0123)


def test_decisions_and_probabilities_are_in_the_object() -> None:
    answers = [decided(Decision.IDENTIFIED), decided(Decision.AMBIGUOUS)]

    first, second = json.loads(answers_as_json(answers, ANSWERED_BY))["answers"]

    assert (first["decision"], first["known_probability"], first["look_alikes"]) == ("identified", 0.95, None)
    assert [match["confidence"] for match in first["matches"]] == [0.92, 0.46]
    assert second["decision"] == "ambiguous"
    assert second["look_alikes"] == {"ids": ["cat-1", "dog"], "namespace": "museum", "labels": {"label": "cat"}}


def test_a_probable_answer_names_its_first_match_and_no_look_alikes() -> None:
    found = json.loads(answer_as_line(decided(Decision.PROBABLY), ANSWERED_BY))

    assert (found["decision"], found["look_alikes"], found["matches"][0]["confidence"]) == ("probably", None, 0.82)


def test_a_stored_answer_of_schema_1_is_still_valid() -> None:
    document = json.loads(answers_as_json([decided(Decision.IDENTIFIED)], ANSWERED_BY)) | {"schema": 1}
    line = json.loads(answer_as_line(decided(Decision.UNKNOWN), ANSWERED_BY)) | {"schema": 1}

    assert schema_faults(document) == schema_faults(line) == []


def test_a_position_and_what_it_says_of_each_reference_are_in_the_object() -> None:
    used, unused = placed(decided(Decision.IDENTIFIED), accuracy_m=20), placed(uncalibrated(), is_used=False)

    first, second = json.loads(answers_as_json([used, unused], ANSWERED_BY))["answers"]

    assert first["position"] == {
        "lat": 12.34567, "lng": -76.54321, "accuracy_m": 20, "source": "photo", "used": True
    }  # fmt: skip
    assert [match["place"] for match in first["matches"]] == [
        {"distance_m": 68.4, "score": 12.5, "vision_confidence": 0.6},
        {"distance_m": None, "score": 1.0, "vision_confidence": 0.35},
    ]
    assert second["position"] == {**first["position"], "accuracy_m": None, "used": False}


def test_a_line_is_an_answer_that_says_who_answered() -> None:
    for answer in (decided(Decision.UNKNOWN), FAILED):
        line = json.loads(answer_as_line(answer, ANSWERED_BY))
        document = json.loads(answers_as_json([answer], ANSWERED_BY))

        (alone,) = document.pop("answers")
        assert line == {**document, **alone}


def test_what_is_printed_is_as_the_schema_says() -> None:
    text = replace(uncalibrated(), kind="text", question="a cat")
    somewhere = [placed(decided(Decision.IDENTIFIED), accuracy_m=20), placed(uncalibrated(), is_used=False)]
    decisions = [decided(decision) for decision in Decision]
    answers: list[Identification | FailedPhoto] = [
        *decisions,
        *somewhere,
        uncalibrated(),
        uncalibrated(DOG),
        FAILED,
        text,
    ]

    assert schema_faults(json.loads(answers_as_json(answers, ANSWERED_BY))) == []
    for answer in answers[:-1]:
        assert schema_faults(json.loads(answer_as_line(answer, ANSWERED_BY))) == []


def _broken(document: Any) -> Iterator[tuple[Any, str, Any]]:
    """Yield where a value can be taken away or replaced: the object that holds it, its name, a wrong value."""
    answer = document["answers"][0]
    match = answer["matches"][0]
    yield document, "schema", 3
    yield document, "pack", "museum"
    yield document["pack"], "version", "1"
    yield document, "encoder", ""
    yield document, "answers", []
    yield answer, "photo", None
    yield answer, "decision", "sure"
    yield answer, "known_probability", 1.5
    yield answer, "look_alikes", {}
    yield answer, "seconds", -1
    yield answer, "stage_seconds", {"prepare": 1}
    yield answer, "matches", {}
    yield match, "rank", 0
    yield match, "score", "high"
    yield match, "confidence", -0.1
    yield match, "location", {"lat": 91, "lng": 0}
    yield match, "labels", {"label": 1}
    yield match, "attributes", []


def test_the_schema_refuses_each_field_that_is_missing_or_wrong() -> None:
    text = answers_as_json([decided(Decision.AMBIGUOUS)], ANSWERED_BY)
    count = len(list(_broken(json.loads(text))))
    for position in range(count):
        document = json.loads(text)
        holder, name, wrong = list(_broken(document))[position]
        right = holder.pop(name)
        assert schema_faults(document), f"{name} is missing"
        holder[name] = wrong
        assert schema_faults(document), f"{name} is {wrong!r}"
        holder[name] = right
        assert schema_faults(document) == []


def test_a_later_version_may_add_fields() -> None:
    document = json.loads(answers_as_json([decided(Decision.IDENTIFIED)], ANSWERED_BY))
    document["answers"][0]["weather"] = document["moon"] = "full"

    assert schema_faults(document) == []


@pytest.mark.parametrize(
    "sign", ["\n", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u2029", "\u202e", "\u200b", "\udcff", "\U000e0001"]
)
def test_names_from_outside_neither_command_a_terminal_nor_end_a_line(sign: str) -> None:
    name = f"a{sign}b"
    answer = replace(uncalibrated(replace(CAT, name=name, attributes={name: name})), question=name)

    line = answer_as_line(answer, ANSWERED_BY)

    assert line.isprintable()
    assert line.splitlines() == [line]
    read = json.loads(line)
    assert (read["photo"], read["matches"][0]["name"]) == (name, name)
    assert read["matches"][0]["attributes"] == {name: name}
