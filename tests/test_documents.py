"""What the documents claim and a reader can check: links, anchors, options, exit codes, targets of make."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from documents import GUIDES, ROOT, all_documents, anchors, blocks, lines, links, prose
from edge_identify.convert.cli.main import main as edge_build
from edge_identify.convert.models.model_loading import import_open_clip
from edge_identify.convert.models.model_names import choose_model
from edge_identify.edge_runtime.cli.main import main as edge_identify
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.sync_server.cli.main import main as edge_serve

MOST_README_BYTES = 6500
COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "edge-build": edge_build,
    "edge-identify": edge_identify,
    "edge-serve": edge_serve,
}
#: Of the scripts in examples/.
OPTIONS_OF_OTHERS = {"--copy-into", "--move-into", "--probably", "--unsure", "--examples", "--text"}


@cache
def help_of(command: str, *words: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), contextlib.suppress(SystemExit):
        COMMANDS[command]([*words, "--help"])
    return printed.getvalue()


def options_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", text))


def asked_help(command: str, words: list[str]) -> str:
    """Return the help of the subcommand, or of the one within a subcommand, that a command line asks for."""
    depth = words[0] in subcommands_of(command)
    return help_of(command, *words[: depth + ("\nsubcommands:\n" in help_of(command, *words[:depth]))])


def subcommands_of(command: str) -> list[str]:
    own = {
        "edge-build": r"^    ([a-z-]+)(?: |$)",
        "edge-serve": r"^    ([a-z-]+)(?: |$)",
        "edge-identify": r"edge-identify ([a-z]+) ",
    }
    return re.findall(own[command], help_of(command), flags=re.MULTILINE)


def commands_in_documents() -> Iterator[tuple[str, str, list[str]]]:
    for document in GUIDES:
        for line in [*lines(document, "sh"), *lines(document, "console")]:
            for part in line.split(" | "):
                if part.startswith(tuple(COMMANDS)):
                    yield document.name, line, shlex.split(part.removesuffix("&"))


@pytest.mark.parametrize("document", all_documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    wrong = []
    for link in links(document):
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)

    assert wrong == []


def test_the_readme_is_short_and_leads_to_every_document() -> None:
    readme = ROOT / "README.md"
    reached = {(ROOT / link.partition("#")[0]).resolve() for link in links(readme)}

    assert readme.stat().st_size <= MOST_README_BYTES
    assert [path.name for path in sorted((ROOT / "docs").glob("*.md")) if path not in reached] == []


def test_every_decision_is_listed() -> None:
    listed = ROOT / "docs/decisions/README.md"

    assert {path.name for path in listed.parent.glob("[0-9]*.md")} == set(links(listed))


def test_every_command_in_the_documents_takes_the_options_that_it_is_given() -> None:
    asked = list(commands_in_documents())
    assert len(asked) > 40
    wrong = [
        f"{name}: {line}"
        for name, line, (command, *words) in asked
        if options_in(" ".join(words)) - options_in(asked_help(command, words))
    ]

    assert wrong == []


def test_every_option_that_the_documents_name_exists() -> None:
    known = OPTIONS_OF_OTHERS | {"--benchmark", "--help", "--version"}
    for command in COMMANDS:
        known |= options_in(help_of(command))
        known |= {option for sub in subcommands_of(command) for option in options_in(help_of(command, sub))}
    named = {option for document in GUIDES for option in options_in(prose(document))}

    assert len(named) > 30
    assert named - known == set()


def test_the_targets_of_make_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {words[1] for path in GUIDES for line in lines(path, "sh") if (words := line.split())[0] == "make"}

    assert named >= {"demo", "test", "setup"}
    assert [name for name in named if f"\n{name}:" not in makefile] == []


def test_the_table_of_exit_codes_names_every_code_that_exists() -> None:
    table = (ROOT / "docs/identify.md").read_text(encoding="utf-8").split("## Exit codes")[1].split("##")[0]
    rows = re.findall(r"^\| ([\d, ]+) \|", table, flags=re.MULTILINE)

    assert {int(number) for row in rows for number in row.split(",")} == {int(code) for code in ExitCode}


def test_the_models_that_the_recipes_name_exist() -> None:
    commands = [shlex.split(line) for line in lines(ROOT / "docs/recipes.md", "console")]
    named = [words[words.index("--model") + 1] for words in commands]
    assert len(named) == 5
    import_open_clip()
    for name in named:
        assert choose_model(name, None).tag == name.partition("/")[2]


def test_blocks_are_of_a_kind_that_is_checked() -> None:
    kinds = {"sh", "console", "python", "nginx"}  # test_nginx.py runs the last

    for document in GUIDES:
        opened = re.findall(r"^```(\w*)\n", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert set(opened) - {""} <= kinds, document
        assert len(opened) == 2 * sum(len(blocks(document, kind)) for kind in kinds), document
