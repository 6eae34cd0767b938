"""Widths, cuts and colours of text in a terminal."""

import io
import os
import unicodedata

import pytest

from edge_identify.edge_runtime.terminal.terminal_text import (
    PLAIN_WIDTH,
    Screen,
    Style,
    display_width,
    padded,
    screen_of,
    shortened,
    wrapped,
)


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0),
        ("cat", 3),
        ("café", 4),
        ("cafe\u0301", 4),  # the accent is a letter of its own
        ("猫", 2),
        ("ﾈｺ", 2),  # halfwidth katakana
        ("ＣＡＴ", 6),  # fullwidth letters
        ("고양이", 6),
        ("\u1112\u1161\u11ab", 2),  # one syllable of three letters
        ("नमस्ते", 4),  # vowel signs that stand above or below take nothing, one beside would
        ("🐈", 2),
    ],
)
def test_a_text_is_as_wide_as_a_terminal_draws_it(text: str, width: int) -> None:
    assert display_width(text) == width


@pytest.mark.parametrize("text", ["Seated cat", "坐着的猫，青铜", "a坐b着c", "cafe\u0301s"])
def test_what_is_cut_fits_and_what_fits_is_not_cut(text: str) -> None:
    for width in range(1, 20):
        cut = shortened(text, width)
        assert display_width(cut) <= width
        if display_width(text) <= width:
            assert cut == text
        else:
            assert cut.endswith("…")
            assert text.startswith(cut[:-1])
            assert width - display_width(cut) <= 1  # a wide letter may leave a column


def test_no_accent_is_torn_from_its_letter() -> None:
    assert unicodedata.normalize("NFC", shortened("cafe\u0301s", 5)) == "cafés"
    assert unicodedata.normalize("NFC", shortened("cafe\u0301sss", 5)) == "café…"


def test_padding_counts_columns_and_not_letters() -> None:
    assert padded("猫", 4) == "猫  "
    assert padded("cats", 3) == "cats"


def test_text_is_broken_between_words_and_an_address_is_left_whole() -> None:
    lines = list(wrapped("a seated cat https://example.org/a/very/long/address of bronze", 12))

    assert lines == ["a seated cat", "https://example.org/a/very/long/address", "of bronze"]
    assert list(wrapped("坐着 的猫", 5)) == ["坐着", "的猫"]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_only_a_terminal_is_coloured_and_who_wants_no_colour_gets_none() -> None:
    assert screen_of(Terminal(), {"TERM": "xterm"}).is_coloured
    assert screen_of(Terminal(), {"TERM": "xterm", "NO_COLOR": ""}).is_coloured  # empty counts as not set
    assert not screen_of(Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}).is_coloured
    assert not screen_of(Terminal(), {"TERM": "dumb"}).is_coloured
    assert screen_of(io.StringIO(), {"TERM": "xterm"}) == Screen(width=PLAIN_WIDTH, is_coloured=False)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal to ask")
def test_the_width_is_the_terminal_s_own() -> None:
    termios = pytest.importorskip("termios")
    master, slave = os.openpty()
    try:
        termios.tcsetwinsize(slave, (24, 57))
        with os.fdopen(slave, "w", closefd=False) as stream:
            assert screen_of(stream, {}).width == 57
        termios.tcsetwinsize(slave, (0, 0))
        with os.fdopen(slave, "w", closefd=False) as stream:
            assert screen_of(stream, {}).width == PLAIN_WIDTH
    finally:
        os.close(master)
        os.close(slave)


def test_a_style_begins_and_ends_with_its_text() -> None:
    assert Screen(is_coloured=True).styled("cat", Style.BOLD, Style.RED) == "\x1b[1;31mcat\x1b[0m"
    assert Screen(is_coloured=True).styled("", Style.BOLD) == ""
    assert Screen().styled("cat", Style.BOLD) == "cat"
