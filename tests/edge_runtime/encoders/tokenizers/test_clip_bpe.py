"""The device's tokenizer gives the ids that open_clip gives, for any text."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators
from edge_identify.convert.models.text_tokenizer import clip_merges
from edge_identify.edge_runtime.encoders.tokenizers.text_cleaning import clean
from edge_identify.edge_runtime.encoders.tokenizers.tokenizer import Tokenizer, make_tokenizer, read_tokenizer
from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.pack.manifest import Cleaning, TokenizerKind, TokenizerSpec

ensure_torchvision_operators()
import open_clip  # noqa: E402  (torchvision must be made importable first)

CONTEXT = 16
THEIRS = open_clip.SimpleTokenizer(context_length=CONTEXT)
SPEC = TokenizerSpec(kind=TokenizerKind.CLIP_BPE, file="merges.txt", context_length=CONTEXT)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("tokenizer") / "merges.txt"
    path.write_bytes(clip_merges())
    return read_tokenizer(path, SPEC)


TRICKY = [
    "it's",
    "'s",
    "ß",
    "İ",
    "&amp;lt;",
    "<end_of_text>",
    "漢字",
    "😀",
    "\u200d",
    "ﬁ",
    "é",
    "²",
    " ",
    "\n",
    "a1b2",
    "â€™",
]


@given(text=st.one_of(st.text(max_size=40), st.lists(st.sampled_from(TRICKY), max_size=8).map("".join)))
def test_any_text_gets_the_ids_that_open_clip_gives(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.encode([text]).tolist() == THEIRS([text]).tolist()


@pytest.mark.parametrize("cleaning", list(Cleaning))
@given(
    text=st.one_of(st.text(max_size=40), st.lists(st.sampled_from([*TRICKY, "A_b", "Don't!"]), max_size=8).map("".join))
)
def test_any_text_is_cleaned_as_open_clip_cleans_it(cleaning: Cleaning, text: str) -> None:
    assert clean(text, cleaning) == open_clip.tokenizer.get_clean_fn(cleaning.value)(text)


def test_a_tokenizer_that_keeps_the_case_gives_the_ids_that_open_clip_gives() -> None:
    spec = replace(SPEC, cleaning=Cleaning.WHITESPACE)
    theirs = open_clip.SimpleTokenizer(context_length=CONTEXT, clean="whitespace")
    texts = ["A Seated CAT", "O'Neill's  Bronze"]
    assert make_tokenizer(clip_merges(), spec, where="merges").encode(texts).tolist() == theirs(texts).tolist()


def test_a_long_text_is_cut_and_still_ends_with_the_end_mark(tokenizer: Tokenizer) -> None:
    (row,) = tokenizer.encode(["word " * 100]).tolist()

    assert len(row) == CONTEXT
    assert row[-1] == 49407


def test_a_file_that_is_no_list_of_pairs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "merges.txt"
    path.write_text("i n\nbroken\n")

    with pytest.raises(PackDamagedError, match=r"merges\.txt: is not a list of merges"):
        read_tokenizer(path, SPEC)
