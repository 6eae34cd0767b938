"""`install`, `rollback`, `remove` and `prune`, and what `packs` and `sync` tell of them."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.cli.options.byte_amounts import byte_amount, byte_rate
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.carried_pack import write_carried_pack
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

PUBLISHED = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def quick_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no disk, and start no process for a self-test: the packs of these tests have no encoder."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    for module in ("sync.device_sync", "store.bounded_self_test"):  # in the order in which one imports the other
        monkeypatch.setattr(f"edge_identify.edge_runtime.{module}.self_test_within_limits", lambda *_: None)


@pytest.fixture
def carry(small_pack: Callable[..., Path], tmp_path: Path) -> Callable[[str], str]:
    """Write an `.edgepack` file of a version."""

    def write(version: str) -> str:
        path = tmp_path / f"{version}.edgepack"
        write_carried_pack(small_pack(tmp_path / version, version=version), path, now_utc=PUBLISHED)
        return str(path)

    return write


def test_a_pack_is_installed_rolled_back_pruned_and_removed(
    carry: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ["--store", str(tmp_path / "store")]
    for version in ("1.0.0", "1.1.0"):
        assert main(["install", "--unsigned", carry(version), *store]) == ExitCode.DONE
    assert "street-art 1.1.0: 1.0.0 is replaced by 1.1.0" in capsys.readouterr().out

    assert main(["rollback", *store]) == ExitCode.DONE
    assert capsys.readouterr().out == "street-art: 1.0.0 answers now; 1.1.0 is kept\n"
    assert main(["packs", *store]) == ExitCode.DONE
    line = capsys.readouterr().out
    assert "published 2026-01-31" in line
    assert "rolled back from 1.1.0" in line

    assert main(["prune", *store]) == ExitCode.SETUP
    assert "--keep 1 or --max-size" in capsys.readouterr().err
    assert main(["prune", "--keep", "1", "--json", *store]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["packs"] == ["street-art"]
    assert main(["rollback", *store]) == ExitCode.SETUP

    assert main(["remove", "street-art", *store]) == ExitCode.DONE
    assert main(["remove", "street-art", *store]) == ExitCode.PACK
    assert PackStore(tmp_path / "store").names() == ()


def test_a_sync_of_a_pack_from_a_file_asks_for_an_address(
    carry: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ["--store", str(tmp_path / "store")]
    main(["install", "--unsigned", carry("1.0.0"), *store])
    assert main(["sync", *store]) == ExitCode.SETUP
    assert "edge-identify sync URL --pack street-art" in capsys.readouterr().err


def test_packs_tells_the_age_if_the_clock_is_after_the_day(
    carry: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ["--store", str(tmp_path / "store")]
    main(["install", "--unsigned", carry("1.0.0"), *store])
    capsys.readouterr()
    main(["packs", *store])
    is_later = datetime.now(UTC).date() > PUBLISHED.date()
    assert ("ago" in capsys.readouterr().out) is is_later


@pytest.mark.parametrize(
    ("text", "expected"), [("500k", 500_000), ("2M", 2_000_000), ("1.5GB", 1_500_000_000), ("17", 17)]
)
def test_an_amount_of_bytes_is_a_number_with_a_unit(text: str, expected: int) -> None:
    assert byte_amount(text) == expected


@pytest.mark.parametrize("text", ["", "fast", "-5", "1e9", "5 x", "nan"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no amount of bytes"):
        byte_amount(text)


def test_a_rate_at_which_a_download_would_stall_is_refused() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="the least rate is 10k"):
        byte_rate("500")
