"""A device whose clock is ten years off: the installed pack answers, with its age, and `sync` says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from memory_transport import URL, files_of, served_from_memory
from tuf.ngclient._internal import trusted_metadata_set

from edge_identify.edge_runtime.cli import sync_commands
from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.sync_client import sync_pack
from edge_identify.edge_runtime.sync.trust import signed_offers
from edge_identify.edge_runtime.sync.trust.pack_offers import as_signed
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.sync_server.publishing.publish import publish
from golden_packs import PHOTOS, golden_answers, golden_pack
from signed_trees import pinned, sign_folder

FORM = "format-1-with-signs"
TEN_YEARS = timedelta(days=3653)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """A store with a pack that was published and signed today; its server answers."""
    publish(golden_pack(FORM), tmp_path / "repo", now_utc=datetime.now(UTC))
    store = PackStore(tmp_path / "store")
    pinned(store.root, sign_folder(tmp_path / "repo"))
    with served_from_memory(files_of(tmp_path / "repo")):
        sync_pack(
            store,
            URL,
            name="colours",
            variant_names=lambda manifest: manifest.variant_names(),
            self_test=lambda *_: None,
            believe=as_signed(store.root, unsigned=False),
        )
        yield store.root


def set_clock(monkeypatch: pytest.MonkeyPatch, off: timedelta) -> None:
    real = datetime

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return real.now(tz) + off

    monkeypatch.setattr(trusted_metadata_set.datetime, "datetime", Clock)
    monkeypatch.setattr(signed_offers, "datetime", Clock)
    monkeypatch.setattr(sync_commands, "datetime", Clock)


@pytest.mark.parametrize(
    ("off", "age", "code", "said"),
    [
        (TEN_YEARS, ", 3653 days ago", ExitCode.NETWORK, "its signatures have expired"),
        (-TEN_YEARS, "", ExitCode.SETUP, "set the clock, then sync again"),
    ],
    ids=["ahead", "behind"],
)
def test_a_clock_ten_years_off_stops_updates_alone(
    off: timedelta,
    age: str,
    code: ExitCode,
    said: str,
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    today, wrong = datetime.now(UTC), datetime.now(UTC) + off
    set_clock(monkeypatch, off)

    assert main(["sync", "--store", str(store)]) == code
    error = capsys.readouterr().err
    assert said in error
    assert f"clock says {wrong:%Y-%m-%d}" in error

    assert main(["packs", "--store", str(store)]) == 0
    line = capsys.readouterr().out.strip()
    assert line.endswith(f"signed, as of {today:%Y-%m-%d}  published {today:%Y-%m-%d}{age}")

    assert main([str(golden_pack(FORM) / PHOTOS[1]), "--json", "--store", str(store)]) == 0
    answer = json.loads(capsys.readouterr().out)["answers"][0]
    assert answer["matches"][0]["id"] == golden_answers(FORM)[PHOTOS[1]][0][0]
