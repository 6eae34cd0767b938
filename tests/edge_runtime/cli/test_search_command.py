"""Searching by a text, from the command line: bands, filters, and namespaces that the text names."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.search import filtering
from edge_identify.edge_runtime.search.identifier import Identifier
from edge_identify.edge_runtime.search.text_searcher import TextSearcher
from letter_packs import TEXTS, with_texts, write_letter_pack


@pytest.fixture
def text_pack(tmp_path: Path) -> Path:
    """The colour pack with a text tower that knows letters, namespaces, and bands for texts."""
    return write_letter_pack(tmp_path / "letters")


def asked(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["search", *words, "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)["answers"][0]
    return answer


def test_a_text_s_matches_have_bands(text_pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = asked(["ra", "--pack", str(text_pack)], capsys)

    assert [(match["id"], match["band"]) for match in answer["matches"]] == [
        ("red", "strong"), ("crimson", "strong"), ("green", "weak"), ("blue", "weak"),
    ]  # fmt: skip
    assert answer["matches"][0]["confidence"] is None
    assert answer["decision"] is None
    assert answer["matches"][0]["why_in_words"] == "looks like the text"
    assert asked(["ra ga", "--pack", str(text_pack)], capsys)["matches"][0]["band"] == "fair"


def test_a_person_sees_the_bands(text_pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["search", "ra", "--pack", str(text_pack)])

    printed = capsys.readouterr()
    assert "   1  strong   1.00  red" in printed.out
    assert "how well it fits" in printed.err
    assert "uncalibrated" not in printed.err


def test_where_texts_are_not_calibrated_there_is_no_band(text_pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for texts in ({}, {"onnx-int8": TEXTS}):
        with_texts(text_pack, texts)
        assert [match["band"] for match in asked(["ra", "--pack", str(text_pack)], capsys)["matches"]] == [None] * 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"strong": 2}, "`strong` is 2"),
        ({"fair": 0.95}, "`fair` is 0.95, above `strong`"),
        ({"fair": "low"}, "`fair` should be a number"),
        ({"auroc": 0.3}, "`auroc` is 0.3"),
        ({"genuine_count": 0}, "`genuine_count` is 0"),
        ({"impostors_fair": -0.1}, "`impostors_fair` is -0.1"),
    ],
)
def test_impossible_bands_are_refused_and_photos_do_not_mind(
    text_pack: Path, changes: dict[str, object], said: str
) -> None:
    pack = open_pack(with_texts(text_pack, {"onnx-fp32": TEXTS | changes}))

    with pytest.raises(PackFormatError, match=said):
        TextSearcher(pack)
    with Identifier(pack):
        pass


def test_a_namespace_named_in_the_text_is_suggested_and_not_applied(
    text_pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bbbbbbbb in paris", "--pack", str(text_pack)]

    answer = asked(words, capsys)
    main(["search", *words])
    told = capsys.readouterr().err

    assert answer["matches"][0]["id"] == "blue"
    assert len(answer["matches"]) == 4
    assert answer["suggested_namespaces"] == ["Paris"]
    assert answer["filters"] is None
    assert told.rstrip().endswith("--namespace Paris")


def test_a_suggested_namespace_can_be_pasted_into_a_shell(
    text_pack: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("Rue de l'Ourcq", 'say "$(date)"')
    monkeypatch.setattr(filtering, "pack_namespaces_named_in", lambda *_: names)

    main(["search", "anything", "--pack", str(text_pack)])

    suggested = capsys.readouterr().err.rstrip().partition("only there: ")[2]
    assert shlex.split(suggested) == ["--namespace", names[0], "--namespace", names[1]]


def test_a_namespace_named_in_the_text_is_applied_when_asked_for(
    text_pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    applied = asked(["bbbbbbbb in paris", "--auto-namespace", "--pack", str(text_pack)], capsys)
    unnamed = asked(["ba", "--auto-namespace", "--pack", str(text_pack)], capsys)
    chosen = asked(["bbbbbbbb in paris", "--auto-namespace", "--namespace", "Lyon", "--pack", str(text_pack)], capsys)

    assert {match["id"] for match in applied["matches"]} == {"red", "crimson"}
    assert applied["filters"] == {"namespaces": ["Paris"], "labels": {}}
    assert applied["suggested_namespaces"] == []
    assert (len(unnamed["matches"]), unnamed["filters"]) == (4, None)
    assert {match["id"] for match in chosen["matches"]} == {"green", "blue"}


def test_a_name_is_found_with_a_typing_error_and_the_answer_says_why(
    text_pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = asked(["crimsn", "--pack", str(text_pack)], capsys)["matches"][0]
    main(["search", "crimsn", "--pack", str(text_pack)])

    assert (first["id"], first["why_in_words"]) == ("crimson", 'name (crimson for "crimsn"), looks like the text')
    assert first["why"][0] == {"found_in": "name", "key": None, "exact": False, "corrected": {"crimsn": "crimson"}}
    assert 'crimson  name (crimson for "crimsn"), looks like' in capsys.readouterr().out


def test_an_exact_name_is_before_what_looks_like_the_text(text_pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    matches = asked(["blue", "--pack", str(text_pack)], capsys)["matches"]

    assert (matches[0]["id"], matches[0]["why"][0]["exact"]) == ("blue", True)


@pytest.mark.parametrize("text", ["77777", "a photo of 77777", "🍕", "\x1b[31m", '("77" *)'])
def test_a_text_that_nothing_answers_says_so_and_does_not_answer_by_chance(
    text: str, text_pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["search", text, "--pack", str(text_pack)]

    codes = main(words), main([*words, "--json"])
    said, _, document = capsys.readouterr().out.partition("{")
    answer = json.loads("{" + document)["answers"][0]

    assert codes == (3, 3)
    assert "nothing found" in said
    assert "\x1b" not in said
    assert (answer["matches"], answer["decision"]) == ([], None)
    assert answer["note"].startswith("no reference has these words in its id, name, labels, namespace or attributes")
    assert "knows none of these words" in answer["note"]


def test_words_that_the_encoder_does_not_know_are_named(text_pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = asked(["rra 77777", "--pack", str(text_pack)], capsys)

    assert answer["unknown_words"] == ["77777"]
    assert 'does not know "77777"' in answer["note"]
    assert answer["matches"][0]["id"] == "red"


def test_a_pack_without_a_text_encoder_is_searched_by_words(
    colour_pack: Callable[[], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    pack = str(colour_pack())

    main(["search", "crimsn", "--pack", pack])
    printed = capsys.readouterr()
    assert main(["search", "crimsn", "--pack", pack, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)

    assert "-  Crimson" in printed.out
    assert "similarities" not in printed.err
    assert document["encoder"] == "words"
    assert [(match["id"], match["score"]) for match in document["answers"][0]["matches"]] == [("crimson", 0)]


def test_words_respect_filters_and_the_number_of_matches(text_pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lyon = asked(["crimson", "--namespace", "Lyon", "--pack", str(text_pack)], capsys)["matches"]
    one = asked(["paris", "--top-k", "1", "--pack", str(text_pack)], capsys)["matches"]

    assert {match["id"] for match in lyon} == {"green", "blue"}
    assert len(one) == 1


def test_a_long_text_is_answered_and_not_printed_whole(text_pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["search", "crimson " + "zzzzz " * 10_000, "--pack", str(text_pack)])

    printed = capsys.readouterr().out
    assert "crimson" in printed.splitlines()[-1] or "1  " in printed
    assert len(printed) < 2000


def test_a_text_s_answer_is_as_the_schema_says(text_pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from edge_identify.edge_runtime.answers import answer_json
    from json_schema import faults

    schema = json.loads(Path(answer_json.__file__).with_name("answer.schema.json").read_text(encoding="utf-8"))
    main(["search", "bbbbbbbb in paris", "--pack", str(text_pack), "--namespace", "Lyon", "--json"])

    assert faults(json.loads(capsys.readouterr().out), schema, root=schema) == []
    for text in ("crimsn", "77777"):
        main(["search", text, "--pack", str(text_pack), "--json"])
        assert faults(json.loads(capsys.readouterr().out), schema, root=schema) == []
