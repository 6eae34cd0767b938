"""The README's three journeys, run as they stand: its commands, in its order, in an empty folder."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


def commands_between(begin: str, end: str) -> list[list[str]]:
    text = README.read_text(encoding="utf-8")
    chapter = text[text.index(begin) : text.index(end)]
    blocks = re.findall(r"```sh\n(.*?)```", chapter, flags=re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.strip().splitlines()]


def test_the_three_journeys_work_as_they_stand(  # type: ignore[no-untyped-def]
    demo,
    run,
    serve: Callable[[Path], AbstractContextManager[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    pictures = sorted((demo.folder / "set/references").iterdir())[:5]
    (tmp_path / "my-pictures").mkdir()
    for picture in pictures:
        shutil.copy(picture, tmp_path / "my-pictures")
    photo = next(path for path in demo.photos if path.stem.startswith(pictures[0].stem))
    shutil.copy(photo, tmp_path / "photo.jpg")
    (tmp_path / "photos.csv").write_text(f"query,id\nphoto.jpg,{pictures[0].stem}\n")

    journeys = commands_between("## Three journeys", "## What the numbers are")
    assert [words[:2] for words in journeys][:7] == [
        ["edge-build", "add"], ["edge-build", "pack"],
        ["edge-build", "doctor"], ["edge-build", "doctor"], ["edge-build", "evaluate"],
        ["edge-serve", "publish"], ["edge-serve", "run"],
    ]  # fmt: skip
    serving = journeys.index(["edge-serve", "run", "--repo", "repo", "--port", "8000"])
    for command, *words in journeys[:serving]:
        finished = run(command, *words)
        assert finished.code == 0, (command, words, finished.err)
    with serve(tmp_path / "repo") as url:
        command, word, _ = journeys[serving + 1]
        assert (command, word) == ("edge-identify", "sync")
        assert run(command, word, url).code == 0
    for command, *words in journeys[serving + 2 :]:
        finished = run(command, *words)
        # Five references are few to tell a stranger by: that it cannot be sure is an answer too.
        answered = (0, 3, 4) if words == ["photo.jpg"] else (0,)
        assert finished.code in answered, (command, words, finished.err)
        if words == ["photo.jpg"]:
            assert pictures[0].stem in finished.out


def test_a_stranger_types_first_what_the_journeys_are_tested_with() -> None:
    stranger = commands_between("## Try it", "## Three journeys")
    makefile = (README.parent / "Makefile").read_text(encoding="utf-8")
    assert stranger[0] == ["make", "setup"]
    assert "\nsetup:" in makefile
    assert stranger[1] == ["source", ".venv/bin/activate"]
    journeys = commands_between("## Three journeys", "## What the numbers are")
    typed = [[word for word in words if word != "&"] for words in stranger[2:-1]]
    assert len(typed) == 4
    assert typed == [words for words in journeys if words in typed]
    assert stranger[-1][0] == "curl"
    assert stranger[-1][-3:] == ["-F", "file=@photo.jpg", "http://127.0.0.1:8000/v1/identify"]


def test_every_file_that_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text(encoding="utf-8"))

    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []


def test_the_readme_names_every_exit_code_that_exists() -> None:
    from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

    table = README.read_text(encoding="utf-8").split("## Exit codes")[1].split("##")[0]
    named = {
        int(number) for row in re.findall(r"^\| ([\d, ]+) \|", table, flags=re.MULTILINE) for number in row.split(",")
    }

    assert named == {int(code) for code in ExitCode}
