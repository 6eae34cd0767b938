"""A `tokenizer.json` gives the same ids as open_clip's tokenizer class, or an error that names it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_identify.edge_runtime.encoders.tokenizers import hf_json
from edge_identify.edge_runtime.encoders.tokenizers.tokenizer import Tokenizer, make_tokenizer, read_tokenizer
from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError, SetupError
from edge_identify.edge_runtime.pack.manifest import Cleaning, TokenizerKind, TokenizerSpec
from small_tokenizer import END, PAD, UNKNOWN, small_tokenizer_json

CONTEXT = 8
SPEC = TokenizerSpec(
    kind=TokenizerKind.HF_JSON,
    file="tokenizer.json",
    context_length=CONTEXT,
    cleaning=Cleaning.CANONICALIZE,
    pad_id=END,
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return make_tokenizer(small_tokenizer_json(), SPEC, where="tokenizer.json")


def test_a_text_becomes_pieces_an_end_mark_and_padding(tokenizer: Tokenizer) -> None:
    from tokenizers import Tokenizer as Library

    ids = [Library.from_str(small_tokenizer_json().decode()).token_to_id(piece) for piece in ("▁a", "▁cat", "s")]
    assert tokenizer.encode(["A_cat's!"]).tolist() == [[*ids, END, *[END] * (CONTEXT - 4)]]


def test_padding_is_what_the_manifest_says() -> None:
    padded = make_tokenizer(small_tokenizer_json(), replace(SPEC, pad_id=PAD), where="tokenizer.json")
    assert padded.encode(["cat"]).tolist()[0][-1] == PAD


def test_a_long_text_is_cut_and_keeps_its_end_mark(tokenizer: Tokenizer) -> None:
    (row,) = tokenizer.encode(["cat " * 100]).tolist()
    assert len(row) == CONTEXT
    assert row[-1] == END
    assert END not in row[:-1]


@given(texts=st.lists(st.text(max_size=30), max_size=4))
def test_every_text_gets_a_row_of_the_context_whatever_it_holds(tokenizer: Tokenizer, texts: list[str]) -> None:
    rows = tokenizer.encode(texts)
    assert rows.shape == (len(texts), CONTEXT)
    assert rows.dtype == "int64"


def test_case_and_punctuation_matter_only_where_the_cleaning_keeps_them(tokenizer: Tokenizer) -> None:
    keeping = make_tokenizer(small_tokenizer_json(), replace(SPEC, cleaning=Cleaning.WHITESPACE), where="t")
    assert tokenizer.encode(["CAT!"]).tolist() == tokenizer.encode(["cat"]).tolist()
    assert UNKNOWN in keeping.encode(["CAT!"]).tolist()[0]


@given(text=st.text(alphabet=st.sampled_from("aBc é漢…_-'!&;lt<>/s123 \t"), max_size=30))
def test_it_agrees_with_open_clip_where_transformers_is_installed(text: str) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = _open_clips(transformers)
    ours = make_tokenizer(small_tokenizer_json(), SPEC, where="tokenizer.json")
    assert ours.encode([text]).tolist() == theirs([text]).tolist()  # type: ignore[operator]


def _open_clips(transformers: object) -> object:
    from tokenizers import Tokenizer as Library

    from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators

    ensure_torchvision_operators()
    import open_clip

    theirs = open_clip.tokenizer.HFTokenizer.__new__(open_clip.tokenizer.HFTokenizer)  # its __init__ asks the hub
    theirs.tokenizer = transformers.PreTrainedTokenizerFast(  # type: ignore[attr-defined]
        tokenizer_object=Library.from_str(small_tokenizer_json().decode()), pad_token="</s>", eos_token="</s>"
    )
    theirs.tokenizer_mode, theirs.strip_sep_token, theirs.context_length = "", False, CONTEXT
    theirs.clean_fn = open_clip.tokenizer.get_clean_fn("canonicalize")
    return theirs


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"not json", small_tokenizer_json()[:-40]])
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(data)
    with pytest.raises(PackDamagedError, match=r"tokenizer\.json: is not a tokenizer") as caught:
        read_tokenizer(path, SPEC)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_too_large_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hf_json, "MAX_TOKENIZER_BYTES", 10)
    with pytest.raises(PackFormatError, match="more than the limit of"):
        make_tokenizer(b"x" * 11, SPEC, where="tokenizer.json")


def test_padding_with_a_token_that_is_not_there_is_refused() -> None:
    with pytest.raises(PackDamagedError, match="has no token 4000 to pad with"):
        make_tokenizer(small_tokenizer_json(), replace(SPEC, pad_id=4000), where="tokenizer.json")


def test_without_the_library_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(SetupError, match=r"pip install 'edge-identify\[siglip\]'"):
        make_tokenizer(b"{}", SPEC, where="tokenizer.json")
