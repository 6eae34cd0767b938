"""Searching a pack by text: words and the text tower joined, and what the tower does not know."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_identify.edge_runtime.answers.text_reasons import FoundIn
from edge_identify.edge_runtime.pack.filters import Filters
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
from edge_identify.edge_runtime.pack.manifest_json import parse_manifest, serialise_manifest
from edge_identify.edge_runtime.pack.pack_reader import open_pack
from edge_identify.edge_runtime.search.rank_fusion import fused_ranks
from edge_identify.edge_runtime.search.text_searcher import TextSearcher
from edge_identify.edge_runtime.search.words import pack_words
from letter_packs import with_texts, write_letter_pack


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The colour pack with a text tower that knows r, g and b where they do not end a word."""
    return write_letter_pack(tmp_path_factory.mktemp("packs") / "letters")


def ids(searcher: TextSearcher, text: str, *, top_k: int = 5) -> list[str]:
    return [match.reference.id for match in searcher.search(text, top_k=top_k).matches]


def test_a_match_by_a_word_has_the_similarity_of_its_nearest_picture(folder: Path) -> None:
    with TextSearcher(open_pack(folder)) as searcher:
        by_name = next(match for match in searcher.search("ra crimson").matches if match.reference.id == "crimson")
        alike = {match.reference.id: match.score for match in searcher.search("ra").matches}

    assert by_name.index_id is not None
    assert by_name.score == pytest.approx(alike["crimson"], abs=0.3)
    assert by_name.score > 0.5


def test_a_namespace_that_others_have_too_is_weaker_than_a_strong_likeness(folder: Path) -> None:
    with TextSearcher(open_pack(folder)) as searcher:
        found = searcher.search("bbbbbbbb in paris").matches

    assert found[0].reference.id == "blue"
    assert {match.reference.id for match in found[1:3]} == {"red", "crimson"}
    assert [reason.found_in for reason in found[1].reasons] == [FoundIn.NAMESPACE]


def test_without_bands_words_and_likeness_are_joined_by_rank(tmp_path: Path) -> None:
    pack = with_texts(write_letter_pack(tmp_path / "letters"), {})

    with TextSearcher(open_pack(pack)) as searcher:
        found = searcher.search("ga crimson")

    assert {match.band for match in found.matches} == {None}
    assert found.matches[0].reference.id == "crimson"
    assert {match.reference.id for match in found.matches} == {"crimson", "green", "red", "blue"}


def test_a_text_encoder_that_does_not_run_here_leaves_the_words(tmp_path: Path) -> None:
    write_letter_pack(tmp_path / "letters")
    path = tmp_path / "letters" / MANIFEST_NAME
    manifest = parse_manifest(path.read_bytes(), where="test")
    path.write_bytes(serialise_manifest(replace(manifest, text_variants={}, tokenizer=None)))

    with TextSearcher(open_pack(tmp_path / "letters")) as searcher:
        found = searcher.search("red")
        nothing = searcher.search("bbbb")

    assert (found.variant_name, found.matches[0].reference.id, found.matches[0].has_similarity) == (
        "words",
        "red",
        False,
    )
    assert nothing.matches == ()
    assert "no text encoder that runs here" in nothing.note


def test_a_narrowed_searcher_finds_only_what_passes(folder: Path) -> None:
    with TextSearcher(open_pack(folder)) as searcher:
        with searcher.narrowed(Filters(namespaces=("Lyon",))) as narrowed:
            assert set(ids(narrowed, "crimson")) == {"green", "blue"}
        assert ids(searcher, "crimson")[0] == "crimson"


def test_a_pack_with_too_many_references_is_searched_by_likeness_and_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_words, "MOST_REFERENCES", 3)

    with TextSearcher(open_pack(folder)) as searcher:
        assert "too many references" in searcher.search("ra").note
        nothing = searcher.search("77777")

    assert nothing.matches == ()
    assert "too many references" in nothing.note


def test_the_same_text_gives_the_same_answer(folder: Path) -> None:
    with TextSearcher(open_pack(folder)) as one, TextSearcher(open_pack(folder), many=True) as other:
        for text in ("paris", "ra", "gren", "bbbbbbbb in paris"):
            assert ids(one, text) == ids(one, text) == ids(other, text)


def test_ranks_are_fused_by_their_reciprocals() -> None:
    assert fused_ranks({"a": 1, "b": 2}, {"b": 1, "c": 2}) == ["b", "a", "c"]
    assert fused_ranks({"a": 1000, "b": 1000}, {"c": 1}) == ["c", "a", "b"]
    assert fused_ranks({"a": 1}, {"b": 1}) == ["a", "b"]
    assert fused_ranks({}, {}) == []
