"""The screens that a person sees, letter by letter, at several widths."""

import re
from dataclasses import replace

import pytest

from edge_identify.edge_runtime.answers.identification import Identification
from edge_identify.edge_runtime.answers.text_reasons import FoundIn, TextReason
from edge_identify.edge_runtime.cli.outputs.answer_screen import answer_lines, answer_row
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.pack.references import Reference
from edge_identify.edge_runtime.terminal.terminal_text import Screen, display_width
from example_answers import CAT, DOG, WIDE, decided, uncalibrated


def screen(answer: Identification, width: int) -> str:
    return "\n".join(answer_lines(answer, Screen(width=width))) + "\n"


def test_an_identified_photo_says_what_it_is_its_probability_and_why() -> None:
    assert (
        screen(decided(Decision.IDENTIFIED, CAT, WIDE, DOG), 80)
        == """\
p.jpg: identified, 92%
  Seated cat, bronze
  cat-1 · museum · cat
  1.50000, -2.50000
  https://example.org/cat
  why: stands out from the runner-up by 0.03 in similarity (0.91; 1 is
  identical)
  runners-up
   2   46%   0.88  坐着的猫，青铜  wide  博物馆
   3   23%   0.85  dog
"""
    )


def test_a_probable_photo_is_named_and_says_that_a_person_should_check() -> None:
    assert (
        screen(decided(Decision.PROBABLY, DOG, CAT), 80)
        == """\
p.jpg: probably, 82%: check it
  dog
  why: stands out from the runner-up by 0.03 in similarity (0.91; 1 is
  identical): too little to be certain (95% that it is something in the pack)
  runners-up
   2   41%   0.88  Seated cat, bronze  cat-1  museum · cat
"""
    )


def test_an_ambiguous_photo_names_all_look_alikes_and_what_they_share_even_those_that_were_not_asked_for() -> None:
    assert (
        screen(decided(Decision.AMBIGUOUS, CAT, WIDE, DOG, shown=2), 80)
        == """\
p.jpg: ambiguous, one of 3 look-alikes, all museum · cat
  why: only 0.03 in similarity between the first two: too little to tell which
  it is (95% that it is something in the pack)
  look-alikes
   1   92%   0.91  Seated cat, bronze  cat-1  museum · cat
   2   46%   0.88  坐着的猫，青铜      wide   博物馆
   3   23%         dog
"""
    )


def test_an_unknown_photo_says_so_first_and_that_the_nearest_are_no_answer() -> None:
    assert (
        screen(decided(Decision.UNKNOWN), 80)
        == """\
p.jpg: unknown
  why: no known thing looks similar enough: the nearest has similarity 0.91,
  0.03 more than the next (95% that it is something in the pack)
  the nearest, none of them an answer
   1   92%   0.91  Seated cat, bronze  cat-1  museum · cat
   2   46%   0.88  dog
"""
    )


def test_a_pack_that_is_not_calibrated_claims_nothing() -> None:
    assert (
        screen(uncalibrated(), 100)
        == """\
p.jpg: not calibrated, the nearest
  why: this pack has no calibration for its encoder, so a similarity (1 is identical) is all that is
  known
   1   0.91  Seated cat, bronze  cat-1  museum · cat
   2   0.88  dog
"""
    )


def test_a_narrow_terminal_gets_what_matters_most() -> None:
    assert (
        screen(decided(Decision.IDENTIFIED, CAT, WIDE), 32)
        == """\
p.jpg: identified, 92%
  Seated cat, bronze
  cat-1 · museum · cat
  1.50000, -2.50000
  https://example.org/cat
  why: stands out from the
  runner-up by 0.03 in
  similarity (0.91; 1 is
  identical)
  runners-up
   2   46%   0.88  坐着的猫，青…
"""
    )
    assert (
        screen(decided(Decision.UNKNOWN, CAT, WIDE), 32)
        == """\
p.jpg: unknown
  why: no known thing looks
  similar enough: the nearest
  has similarity 0.91, 0.03 more
  than the next (95% that it is
  something in the pack)
  the nearest, none of them an
  answer
   1   92%   0.91  Seated cat, …
   2   46%   0.88  坐着的猫，青…
"""
    )


def test_a_text_s_matches_say_why_they_are_there_and_one_by_words_alone_has_no_similarity() -> None:
    corrected = TextReason(found_in=FoundIn.NAME, corrected=(("catt", "cat"),))
    first, second = uncalibrated().matches
    by_words = tuple(replace(match, score=0.0, reasons=(corrected,)) for match in (first, second))
    answer = replace(uncalibrated(), kind="text", question="catt", matches=by_words, note="found by words alone")

    assert (
        screen(answer, 80)
        == """\
catt: found by words
  found by words alone
   1      -  Seated cat, bronze  cat-1  name (cat for "catt") · museum · cat
   2      -  dog                        name (cat for "catt")
"""
    )


def test_a_text_without_a_match_says_so_and_is_cut_if_it_is_long() -> None:
    answer = replace(uncalibrated(), kind="text", question="long " * 1000, matches=(), note="no reference has it")

    lines = screen(answer, 80).splitlines()
    assert lines[-2:] == ["  nothing found", "  no reference has it"]
    assert len(lines[0]) <= 210


def test_a_text_gets_the_nearest_and_no_reason() -> None:
    assert (
        screen(replace(uncalibrated(), kind="text", question="a red cat"), 80)
        == """\
a red cat: the best matches
   1   0.91  Seated cat, bronze  cat-1  museum · cat
   2   0.88  dog
"""
    )


def test_a_reference_that_is_alone_has_no_runner_up() -> None:
    lines = screen(decided(Decision.IDENTIFIED, CAT, DOG, shown=1), 80)

    assert "why: no known thing looks as similar (0.91; 1 is identical)" in lines
    assert "runner" not in lines


LONG = Reference(id="long-" + "x" * 60, name="长" * 60, namespace="n" * 90, labels={"label": "l" * 90})


@pytest.mark.parametrize("width", [20, 33, 48, 60, 72, 80, 133])
@pytest.mark.parametrize("decision", list(Decision))
def test_no_table_is_wider_than_the_screen(decision: Decision, width: int) -> None:
    for line in answer_lines(decided(decision, CAT, LONG, WIDE, shown=2), Screen(width=width)):
        if re.match(r" +\d+ ", line) and width >= 28:  # rank, figures, and eight columns of a name
            assert display_width(line) <= width, line


def test_names_from_outside_cannot_move_the_cursor_or_forge_a_line() -> None:
    forged = "\x1b[2Jcleared\n   1  0.99  forged"
    reference = Reference(id="x", name=forged, namespace=forged, labels={"label": forged}, url=forged)
    for decision in Decision:
        answer = replace(decided(decision, reference, replace(reference, id="y")), question="a\nb.jpg")
        lines = answer_lines(answer, Screen(width=400))
        assert lines[0].startswith(r"a\nb.jpg: ")
        assert all(line.isprintable() for line in lines)
        assert not any(line.lstrip().startswith("1  0.99") for line in lines)
        assert answer_row(answer, Screen(width=400)).isprintable()


@pytest.mark.parametrize(
    ("decision", "colour"),
    [
        (Decision.IDENTIFIED, "32"),
        (Decision.PROBABLY, "36"),
        (Decision.AMBIGUOUS, "33"),
        (Decision.UNKNOWN, "31"),
    ],
)
def test_colours_add_nothing_but_colour(decision: Decision, colour: str) -> None:
    answer = decided(decision, CAT, WIDE, DOG)
    coloured = answer_lines(answer, Screen(width=60, is_coloured=True))

    assert f"\x1b[1;{colour}m{decision.value}" in coloured[0]
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in coloured] == answer_lines(answer, Screen(width=60))
    assert re.sub(r"\x1b\[[0-9;]*m", "", answer_row(answer, Screen(is_coloured=True))) == answer_row(answer, Screen())


def test_each_of_many_photos_has_a_line_whose_columns_stand_below_each_other() -> None:
    rows = [
        answer_row(answer, Screen(width=100))
        for answer in (
            decided(Decision.IDENTIFIED, CAT, WIDE),
            decided(Decision.PROBABLY, CAT, WIDE),
            decided(Decision.AMBIGUOUS, WIDE, CAT),
            decided(Decision.UNKNOWN),
            uncalibrated(),
        )
    ]

    assert rows == [
        "identified   92%  Seated cat, bronze                        p.jpg",
        "probably     82%  Seated cat, bronze                        p.jpg",
        "ambiguous    92%  坐着的猫，青铜 (one of 2)                 p.jpg",
        "unknown      92%  (nearest: Seated cat, bronze)             p.jpg",
        "nearest     0.91  Seated cat, bronze                        p.jpg",
    ]
    assert answer_row(replace(uncalibrated(), question="x" * 300), Screen(width=30)).endswith("x" * 300)
