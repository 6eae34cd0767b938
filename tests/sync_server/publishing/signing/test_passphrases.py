"""Passphrases of keys: from the environment, or typed; of a new key twice."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.sync_server.cli.main import main
from edge_identify.sync_server.publishing.signing.key_ring import passphrases_from


def typing(*answers: str) -> tuple[Callable[[str], str], list[str]]:
    """Return a person who types answers, and what the person was asked."""
    left, asked = list(answers), []

    def prompt(text: str) -> str:
        asked.append(text)
        return left.pop(0)

    return prompt, asked


def test_the_passphrase_of_a_new_key_is_typed_twice_and_that_of_an_old_one_once() -> None:
    prompt, asked = typing("old", "new", "new")
    ask = passphrases_from({}, prompt, new=("targets",))
    assert (ask("root"), ask("targets"), ask("online")) == ("old", "new", None)
    assert asked == ["passphrase of the root key: ", "passphrase of the new targets key: ", "the same again: "]


def test_two_different_ones_make_no_key() -> None:
    prompt, _ = typing("correct horse", "corect horse")
    with pytest.raises(SetupError, match="the two passphrases of the root key differ; nothing was made"):
        passphrases_from({}, prompt, new=("root",))("root")


def test_the_environment_is_not_asked_twice() -> None:
    prompt, asked = typing()
    ask = passphrases_from({"EDGE_KEYS_PASSPHRASE": "p", "EDGE_KEYS_PASSPHRASE_ROOT": "r"}, prompt, new=("root",))
    assert (ask("root"), ask("targets"), asked) == ("r", "p", [])


@pytest.mark.parametrize(
    ("words", "mistyped"),
    [
        (["init", "--repo", "repo"], "root"),
        (["new-key", "museum", "--root", "root.json", "--keys", "museum.keys"], "museum"),
    ],
)
def test_a_mistyped_passphrase_leaves_no_key_behind(
    words: list[str],
    mistyped: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDGE_KEYS_PASSPHRASE", raising=False)
    (tmp_path / "root.json").write_text("{}")
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda _: True})())
    monkeypatch.setattr(getpass, "getpass", typing("one", "another")[0])
    assert main(words) == ExitCode.SETUP
    assert f"the two passphrases of the {mistyped} key differ" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.pem"))
