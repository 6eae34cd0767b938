"""`edge-identify teach` and `taught`, as a person in the field uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from feature_nets import plain_photo
from installed_packs import WARM, install, write_named_pack

from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.taught.contribution_file import read_contribution
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode


@pytest.fixture
def store(tmp_path: Path) -> list[str]:
    install(PackStore(tmp_path / "store"), write_named_pack(tmp_path / "warm", "warm", WARM))
    (tmp_path / "blue.png").write_bytes(plain_photo(0, 0, 255))
    return ["--store", str(tmp_path / "store")]


def test_a_thing_is_taught_listed_contributed_and_forgotten(
    store: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = str(tmp_path / "blue.png")
    assert main([photo, *store]) == ExitCode.UNKNOWN
    assert main(["teach", photo, "--name", "Blue door", "--note", "left of the arch", *store]) == ExitCode.DONE
    capsys.readouterr()

    assert main([photo, *store]) == ExitCode.DONE
    assert "Blue door\n  your own: taught on this device, not part of the pack" in capsys.readouterr().out
    assert main(["search", "blue dor", *store]) == ExitCode.DONE
    assert "your own" in capsys.readouterr().out
    assert main(["taught", *store]) == ExitCode.DONE
    assert "Blue door  1 picture" in capsys.readouterr().out
    out = tmp_path / "new.contribution.json"
    assert main(["taught", "--export", str(out), "--by", "Ada", "--licence", "CC0-1.0", *store]) == ExitCode.DONE
    contribution = read_contribution(out)
    assert (contribution.pack_name, contribution.by, contribution.licence) == ("warm", "Ada", "CC0-1.0")
    assert [(thing.name, thing.note) for thing in contribution.things] == [("Blue door", "left of the arch")]
    assert main(["taught", "--forget", "Blue door", *store]) == ExitCode.DONE
    assert main([photo, *store]) == ExitCode.UNKNOWN


def test_json_names_the_thing(store: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["teach", str(tmp_path / "blue.png"), "--name", "Blue", "--json", *store]) == ExitCode.DONE
    taught = json.loads(capsys.readouterr().out)
    assert main(["taught", "--json", *store]) == ExitCode.DONE

    assert json.loads(capsys.readouterr().out) == {"things": [taught]}


def test_what_was_not_taught_cannot_be_contributed(
    store: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["taught", "--export", str(tmp_path / "x.json"), *store]) == ExitCode.SETUP
    assert "nothing was taught yet" in capsys.readouterr().err
    assert not (tmp_path / "x.json").exists()


def test_credit_without_a_file_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["taught", "--by", "Ada"])
    assert "go with --export" in capsys.readouterr().err
