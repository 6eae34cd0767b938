"""The parser of the commands: help, and usage errors of two lines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge_identify.edge_runtime.terminal.command_parser import CommandParser
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode


@pytest.fixture
def parser() -> CommandParser:
    parser = CommandParser(
        prog="draw",
        examples=["draw circle --colour red", "draw square"],
        description="Draws.\n\n  kept   as it is",
        exit_codes=[ExitCode.PHOTO],
        meanings={ExitCode.PHOTO: "no paper"},
    )
    shapes = parser.add_subparsers(required=True, metavar="SHAPE", title="shapes")
    circle = shapes.add_parser("circle", help="a circle", examples=["draw circle --colour red"])
    group = circle.add_argument_group("look")
    group.add_argument("--colour", required=True, metavar="NAME", help="any colour, among them blue-green:TEAL")
    group.add_argument("--line", choices=("thin", "thick"), metavar="WIDTH", help="width")
    circle.add_argument("--centre", help="where")
    shapes.add_parser("square", help="a square", examples=["draw square"])
    return parser


@pytest.fixture
def error_of(parser: CommandParser, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    def run(*words: str) -> list[str]:
        with pytest.raises(SystemExit) as ended:
            parser.parse_args(words)
        assert ended.value.code == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        return shown.err.splitlines()

    return run


def test_help_has_examples_first_a_short_usage_groups_and_the_codes_of_this_command(parser: CommandParser) -> None:
    lines = parser.help_text(80).splitlines()

    assert lines[:3] == ["examples:", "  draw circle --colour red", "  draw square"]
    assert "  kept   as it is" in lines
    assert "usage: draw [options] SHAPE ..." in lines
    assert lines.index("shapes:") < lines.index("general options:") < lines.index("exit codes:")
    assert "  5    no paper" in lines
    assert not [line for line in lines if line.startswith(("  6 ", "  7 ", "  9 "))]


def test_required_options_stand_in_the_usage_and_others_do_not(parser: CommandParser) -> None:
    (shapes,) = [action for action in parser._actions if action.choices]
    assert shapes.choices is not None
    circle = dict(shapes.choices)["circle"]

    assert circle.format_usage() == "usage: draw circle [options] --colour NAME\n\n"
    assert "blue-green:TEAL" in circle.help_text(60), "a word with a hyphen is not broken"


def test_help_is_as_wide_as_columns_says(parser: CommandParser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    assert parser.format_help() == parser.help_text(70)
    monkeypatch.setenv("COLUMNS", "5")
    assert parser.format_help() == parser.help_text(40)


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ("circel", ["error: unknown subcommand: circel", "did you mean circle?"]),
        ("polygon", ["error: unknown subcommand: polygon", "see draw --help"]),
        ("", ["error: missing: SHAPE", "example: draw circle --colour red"]),
        ("circle --coluor red", ["error: unknown option: --coluor", "did you mean --colour?"]),
        ("circle --coluor=red", ["error: unknown option: --coluor", "did you mean --colour?"]),
        ("circle --colour red --xyz", ["error: unknown option: --xyz", "see draw circle --help"]),
        ("circle --colour red -x", ["error: unknown option: -x", "see draw circle --help"]),
        ("circle --colour red blue", ["error: unexpected argument: blue", "see draw circle --help"]),
        ("circle", ["error: missing: --colour", "example: draw circle --colour red"]),
        ("circle --colour red --line thik", ["error: --line: 'thik' is not one of thin, thick", "did you mean thick?"]),
        ("circle --colour", ["error: --colour: expected one argument", "see draw circle --help"]),
        ("circle --c red", ["error: ambiguous option: --c could match --colour, --centre", "see draw circle --help"]),
    ],
)
def test_a_usage_error_is_what_is_wrong_and_what_to_do(
    words: str, lines: list[str], error_of: Callable[..., list[str]]
) -> None:
    assert error_of(*words.split()) == lines


def test_a_message_can_bring_its_own_advice(parser: CommandParser, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parser.error("a circle has no corners\ndraw a square")

    assert capsys.readouterr().err == "error: a circle has no corners\ndraw a square\n"


def test_abbreviations_and_values_that_look_like_options_still_work(parser: CommandParser) -> None:
    assert parser.parse_args(["circle", "--col", "red"]).colour == "red"
    assert parser.parse_args(["circle", "--colour=--dashed"]).colour == "--dashed"
    assert parser.parse_args(["circle", "--colour", "-- two words"]).colour == "-- two words"
