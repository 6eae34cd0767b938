"""The parser of every command: help that starts with examples, and usage errors in two lines.

Help is as wide as the terminal. Trap: argparse makes a formatter for each `add_argument`, and its own formatter loads
three compression libraries to find the terminal's width: 2 ms of a cold start. Here the width is read only when help
is printed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from edge_identify.edge_runtime.terminal.exit_codes import EVERY_COMMAND, MEANINGS, ExitCode

_PLAIN_COLUMNS = 80  # where no terminal tells its width
_LEAST_COLUMNS = 40  # a narrower terminal is hidden or broken
_MOST_COLUMNS = 120  # longer lines are hard to read
_OPTION_COLUMNS = 26  # help texts start here

#: How argparse begins its messages about missing arguments, and how it ends one of them.
_MISSING = ("the following arguments are required: ", "one of the arguments ")
_MISSING_ONE_OF = " is required"


class CommandParser(argparse.ArgumentParser):
    """A parser of one command or subcommand."""

    def __init__(
        self,
        *,
        examples: Sequence[str],
        exit_codes: Iterable[ExitCode] = (),
        meanings: Mapping[ExitCode, str] | None = None,
        **options: Any,
    ) -> None:
        """Begin a command.

        Args:
            examples: Whole command lines, at least one, the most usual one first.
            exit_codes: What this command can return, besides the codes that every command can return.
            meanings: Exit codes whose meaning is more special here than in `MEANINGS`.
            options: Of `ArgumentParser`. In `description`, paragraphs are wrapped, and lines that start with a space
                are printed as they are.
        """
        self._examples = tuple(examples)
        self._exit_codes = sorted({*exit_codes, *EVERY_COMMAND})
        self._meanings = {**MEANINGS, **(meanings or {})}
        self._columns = _PLAIN_COLUMNS
        super().__init__(add_help=False, **options)
        self._positionals.title = "arguments"
        self._optionals.title = "general options"
        self.add_argument("-h", "--help", action="help", help="show this help")

    def format_help(self) -> str:
        """Return the help as wide as the terminal."""
        return self.help_text(_terminal_columns())

    def help_text(self, columns: int) -> str:
        """Return the help in lines of at most `columns`, longer words aside: examples, usage, options, exit codes."""
        self._columns = columns
        formatter = self._get_formatter()
        formatter.add_text(
            "\n".join(["examples:" if len(self._examples) > 1 else "example:", *_indented(self._examples)])
        )
        formatter.add_text(self.description)
        formatter.add_text(self.format_usage().rstrip())
        for group in [*(each for each in self._action_groups if each is not self._optionals), self._optionals]:
            formatter.start_section(group.title)
            formatter.add_text(group.description)
            formatter.add_arguments(group._group_actions)
            formatter.end_section()
        formatter.add_text("\n".join(["exit codes:", *_indented(map(self._exit_code_line, self._exit_codes))]))
        return formatter.format_help()

    def format_usage(self) -> str:
        """Return the usage with required options alone: a line for all of them is nine lines long."""
        required = [group for group in self._mutually_exclusive_groups if group.required]
        choices = [action for group in required for action in group._group_actions]
        shown = [each for each in self._actions if not each.option_strings or each.required or each in choices]
        formatter = _HelpFormatter(f"{self.prog} [options]", columns=self._columns)
        formatter.add_usage(None, shown, required)
        return formatter.format_help()

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse words as argparse does; end the program for an option that this command does not have.

        argparse checks required options first: it would report a mistyped one as missing. It also leaves what a
        subcommand does not know to the parser above, which does not know the subcommand's options.
        """
        words = list(sys.argv[1:] if args is None else args)
        if self._subparsers is None:
            self._check_options(words)
        options, left = super().parse_known_args(words, namespace)
        if left:
            self.error(f"{'unknown option' if left[0].startswith('-') else 'unexpected argument'}: {left[0]}")
        return options, left

    def _check_options(self, words: Sequence[str]) -> None:
        for word in words[: words.index("--")] if "--" in words else words:
            name = word.partition("=")[0]
            if name.startswith("--") and " " not in word and not self._knows(name):
                self.error(f"unknown option: {name}{_nearest_line(name, self._option_string_actions)}")

    def _knows(self, name: str) -> bool:
        return any(option.startswith(name) for option in self._option_string_actions)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        nearest = _nearest_line(str(value), action.choices)
        if isinstance(action, argparse._SubParsersAction):
            self.error(f"unknown subcommand: {value}{nearest}")
        known = ", ".join(map(str, action.choices))
        raise argparse.ArgumentError(action, f"{value!r} is not one of {known}{nearest}")

    def error(self, message: str) -> NoReturn:
        """End the program with two lines on standard error: what is wrong, and what to do.

        Args:
            message: What is wrong. A second line of it takes the place of the advice that is given here.
        """
        from edge_identify.edge_runtime.io.printable_text import printable

        what, _, advice = message.removeprefix("argument ").partition("\n")
        for beginning in _MISSING:
            if what.startswith(beginning):
                names = what.removeprefix(beginning).removesuffix(_MISSING_ONE_OF).replace(" --", " or --")
                what, advice = f"missing: {names}", f"example: {self._examples[0]}"
        advice = advice or f"see {self.prog} --help"
        self.exit(ExitCode.USAGE, f"error: {printable(what)}\n{printable(advice)}\n")

    def _exit_code_line(self, code: ExitCode) -> str:
        return f"{code:<4} {self._meanings[code]}"

    def _get_formatter(self) -> argparse.HelpFormatter:
        return _HelpFormatter(self.prog, columns=self._columns)


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Wraps paragraphs, and leaves lines alone that start with a space."""

    def __init__(self, prog: str, *, columns: int) -> None:
        super().__init__(prog, max_help_position=_OPTION_COLUMNS, width=columns)

    def _split_lines(self, text: str, width: int) -> list[str]:
        from textwrap import wrap

        return wrap(" ".join(text.split()), width, break_on_hyphens=False)  # `image-list:FILE` is there to be copied

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines: list[str] = []
        for line in text.splitlines():
            lines += [line] if not line or line.startswith(" ") else self._split_lines(line, width)
        return "\n".join(indent + line for line in lines)


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _nearest_line(word: str, known: Iterable[str]) -> str:
    """Return a second line that names the known word nearest to a mistyped one; nothing where none is near."""
    from difflib import get_close_matches

    nearest = get_close_matches(word, list(known), n=1)
    return f"\ndid you mean {nearest[0]}?" if nearest else ""


def _terminal_columns() -> int:
    """Return the width for help: COLUMNS where it is set, as argparse has it, or else the terminal's."""
    try:
        columns = int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):  # no terminal, or COLUMNS that is no number
        columns = 0
    return max(_LEAST_COLUMNS, min(_MOST_COLUMNS, columns or _PLAIN_COLUMNS))
