"""`edge-identify` tells a mistyped subcommand from the path of a photo."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["serch", "a red crab"], "search"),
        (["Sync", "http://127.0.0.1:9/"], "sync"),
        (["pack"], "packs"),
        (["verfy", "--json"], "verify"),
        (["instal", "x"], "sync"),
        (["help"], "--help"),
    ],
)
def test_a_mistyped_subcommand_is_wrong_usage_and_the_nearest_is_named(
    words: list[str], meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(words) == ExitCode.USAGE

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        f"error: {words[0]} is neither a subcommand nor a photo",
        f"did you mean edge-identify {meant}? see edge-identify --help",
    ]


@pytest.mark.parametrize("word", ["./serch", "serch.jpg", "photos", "holiday", "x"])
def test_a_path_stays_a_path(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main([word, "--store", "store"]) == ExitCode.PACK
    assert "no pack in store" in capsys.readouterr().err


def test_a_file_or_folder_with_such_a_name_is_a_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "serch").write_bytes(b"no photo")
    (tmp_path / "pack").mkdir()

    assert main(["serch", "--store", "store"]) == ExitCode.PACK
    assert main(["pack", "--store", "store"]) == ExitCode.PACK
    assert "neither" not in capsys.readouterr().err


def test_a_folder_given_as_the_name_of_a_pack_is_told_how_to_write_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "street-art").mkdir()

    assert main(["photo.jpg", "--store", "store", "--pack", "street-art"]) == ExitCode.PACK
    assert "for the folder, write --pack ./street-art" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "taken_apart"), [("", False), ("sys.argv[1:]", True)])
def test_only_the_command_itself_ends_the_process_at_once(arguments: str, taken_apart: bool, tmp_path: Path) -> None:
    """A cold start is an eighth faster; a program that calls `main` goes on, and so does a profiler."""
    program = (
        "import atexit, sys; from edge_identify.edge_runtime.cli.main import main;"
        f"atexit.register(print, 'taken apart'); code = main({arguments}); print('went on'); sys.exit(code)"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program, "packs", "--store", "store", "--json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert ended.returncode == ExitCode.DONE, ended.stderr
    assert '"packs"' in ended.stdout
    assert ("taken apart" in ended.stdout) is taken_apart
    assert ("went on" in ended.stdout) is taken_apart
