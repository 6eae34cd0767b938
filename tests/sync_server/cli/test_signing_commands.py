"""The commands around keys, and what they leave in the tree and in the folder of keys."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge_identify.edge_runtime.cli.main import main as edge_identify
from edge_identify.edge_runtime.sync.listing import LISTING_NAME
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode
from edge_identify.sync_server.cli.main import main
from edge_identify.sync_server.delivery.web_app_files import read_web_app
from edge_identify.sync_server.publishing.folder_tree import FolderTree
from edge_identify.sync_server.publishing.publish import publish
from edge_identify.sync_server.publishing.signing.signature_health import signature_health
from edge_identify.sync_server.publishing.signing.signature_renewal import SignatureRenewal

SmallPack = Callable[..., Path]
PASSPHRASE = "correct horse"


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_KEYS_PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def repo(small_pack: SmallPack, tmp_path: Path) -> Path:
    """A tree with one pack, published before it had keys."""
    publish(small_pack(tmp_path / "pack"), tmp_path / "repo", now_utc=datetime(2026, 1, 31, tzinfo=UTC))
    return tmp_path / "repo"


def run(*words: object) -> int:
    return int(main([str(word) for word in words]))


def target(repo: Path) -> dict[str, Any]:
    newest = max(repo.glob("tuf/*.targets.json"), key=lambda path: int(path.name.split(".")[0]))
    targets: dict[str, dict[str, Any]] = json.loads(newest.read_bytes())["signed"]["targets"]
    return targets.get("street-art/pack.json", {})


def status(repo: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    capsys.readouterr()
    run("status", "--repo", repo, "--json")
    return {row["role"]: row for row in json.loads(capsys.readouterr().out)["roles"]}


def test_init_signs_what_was_published_and_keeps_the_keys_out_of_the_tree(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", "--repo", repo) == 0
    fingerprint = capsys.readouterr().out.split()[1]
    assert target(repo)["custom"]["version"] == "1.0.0"
    page = (repo / "index.html").read_text()
    assert fingerprint in page
    assert "<svg" in page
    assert not list(repo.rglob("*.pem"))
    keys = repo.with_name("repo.keys")
    assert (keys / "root.json").read_bytes() == (repo / "tuf/1.root.json").read_bytes()
    for path in keys.glob("*.pem"):
        assert path.stat().st_mode & 0o077 == 0
        assert (b"ENCRYPTED" in path.read_bytes()) is not path.name.startswith("online")
    assert run("init", "--repo", repo) == ExitCode.SETUP, "a second time would replace the keys"


def test_keys_inside_the_tree_are_refused(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", "--repo", repo, "--keys", repo / "keys") == ExitCode.SETUP
    assert "inside the published tree" in capsys.readouterr().err


def test_offline_keys_need_a_passphrase(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("EDGE_KEYS_PASSPHRASE")
    monkeypatch.setattr("sys.stdin", None)
    assert run("init", "--repo", repo) == ExitCode.SETUP
    assert "EDGE_KEYS_PASSPHRASE" in capsys.readouterr().err
    assert not repo.with_name("repo.keys").exists()


def test_no_later_key_lies_there_without_a_passphrase(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", "--repo", repo) == 0
    keys = repo.with_name("repo.keys")
    before = sorted(keys.iterdir())
    root = (keys / "root.json").read_bytes()
    for role in ("TARGETS", "MUSEUM"):
        monkeypatch.setenv(f"EDGE_KEYS_PASSPHRASE_{role}", "")

    assert run("rotate-key", "targets", "--repo", repo) == ExitCode.SETUP
    assert "the targets key needs a passphrase" in capsys.readouterr().err
    museum = ("new-key", "museum", "--root", keys / "root.json", "--keys", tmp_path / "museum.keys")
    assert run(*museum) == ExitCode.SETUP
    assert "the museum key needs a passphrase" in capsys.readouterr().err

    assert (sorted(keys.iterdir()), (keys / "root.json").read_bytes()) == (before, root)
    assert not (tmp_path / "museum.keys").exists()


def test_a_wrong_passphrase_changes_nothing(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", "--repo", repo) == 0
    before = sorted(path for path in repo.rglob("*") if path.is_file() and path.name != ".publishing")
    monkeypatch.setenv("EDGE_KEYS_PASSPHRASE", "wrong")
    assert run("publish", "--pack", tmp_path / "pack", "--repo", repo) == ExitCode.SETUP
    assert "wrong passphrase" in capsys.readouterr().err
    assert sorted(path for path in repo.rglob("*") if path.is_file() and path.name != ".publishing") == before


def test_publish_into_a_signed_tree_needs_its_keys(
    repo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", "--repo", repo) == 0
    repo.with_name("repo.keys").rename(repo.with_name("elsewhere"))
    assert run("publish", "--pack", tmp_path / "pack", "--repo", repo) == ExitCode.SETUP
    assert "is signed; give the folder of its keys with --keys" in capsys.readouterr().err


def test_withdraw_removes_a_pack_from_the_listing_and_the_targets(repo: Path) -> None:
    assert run("init", "--repo", repo) == 0
    assert run("withdraw", "--repo", repo, "--pack", "street-art") == 0
    assert target(repo) == {}
    assert json.loads((repo / LISTING_NAME).read_bytes())["packs"] == []
    assert run("withdraw", "--repo", repo, "--pack", "street-art") == ExitCode.PACK


def test_an_export_has_all_that_a_device_asks_for_and_nothing_else(repo: Path, tmp_path: Path) -> None:
    assert run("init", "--repo", repo) == 0
    (repo / "blobs/stray").write_bytes(b"of an interrupted publish")
    out = tmp_path / "site"
    assert run("export", "--repo", repo, "--out", out) == 0
    exported = {path.relative_to(out) for path in out.rglob("*") if path.is_file()}
    files = {path for path in exported if path.parts[0] != "app"}
    assert (Path("app/index.html") in exported) is read_web_app().is_complete
    here = {path.relative_to(repo) for path in repo.rglob("*") if path.is_file()}
    assert here - files == {Path("blobs/stray"), Path(".publishing")}
    assert files <= here
    assert run("refresh", "--repo", repo, "--force") == 0
    assert run("export", "--repo", repo, "--out", out) == 0
    assert (out / "tuf/timestamp.json").read_bytes() == (repo / "tuf/timestamp.json").read_bytes()
    assert run("export", "--repo", repo, "--out", repo / "site") == ExitCode.SETUP


def test_withdraw_works_in_an_unsigned_tree(repo: Path) -> None:
    assert run("withdraw", "--repo", repo, "--pack", "street-art") == 0
    assert json.loads((repo / LISTING_NAME).read_bytes())["packs"] == []


def test_refresh_renews_only_what_is_due(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", "--repo", repo) == 0
    before = status(repo, capsys)
    assert run("refresh", "--repo", repo) == 0
    assert "nothing to renew" in capsys.readouterr().out
    assert run("refresh", "--repo", repo, "--force") == 0
    after = status(repo, capsys)
    assert after["timestamp"]["version"] == before["timestamp"]["version"] + 1
    assert after["targets"] == before["targets"]
    assert run("refresh", "--repo", repo, "--offline") == 0
    assert status(repo, capsys)["root"]["version"] == 2
    assert (repo.with_name("repo.keys") / "root.json").read_bytes() == (repo / "tuf/2.root.json").read_bytes()


def test_status_tells_of_an_early_end(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", "--repo", repo, "--online-days", 1) == 0
    assert run("status", "--repo", repo) == ExitCode.FOUND_SERIOUS
    assert "timestamp  version 2, expiring until" in capsys.readouterr().out
    assert signature_health(FolderTree(repo)).state(datetime.now(UTC)) == "expiring"


@pytest.mark.parametrize("role", ["root", "targets", "online"])
def test_a_rotated_key_replaces_the_old_one(repo: Path, role: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", "--repo", repo) == 0
    name = "timestamp" if role == "online" else role
    before = status(repo, capsys)[name]["keyids"]
    assert run("rotate-key", role, "--repo", repo) == 0
    after = status(repo, capsys)[name]
    assert set(after["keyids"]).isdisjoint(before)
    assert after["keys_here"] == after["keyids"]
    assert run("refresh", "--repo", repo, "--force") == 0


def test_two_of_three_root_keys_are_enough(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", "--repo", repo, "--root-keys", 3, "--root-threshold", 2) == 0
    keyids = status(repo, capsys)["root"]["keyids"]
    lost = keyids[0]
    keys = repo.with_name("repo.keys")
    (keys / f"root-{lost[:8]}.pem").unlink()
    assert run("rotate-key", "root", "--repo", repo) == ExitCode.SETUP, "which one?"
    assert run("rotate-key", "root", "--repo", repo, "--old", lost) == 0
    state = status(repo, capsys)["root"]
    assert len(state["keyids"]) == 3
    assert lost not in state["keyids"]
    for keyid in keyids[1:]:
        (keys / f"root-{keyid[:8]}.pem").unlink()
    assert run("rotate-key", "online", "--repo", repo) == ExitCode.SETUP
    assert "too few root keys" in capsys.readouterr().err


def test_a_key_in_the_environment_signs(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", "--repo", repo) == 0
    assert run("new-key", "aside", "--root", tmp_path / "repo.keys/root.json", "--keys", tmp_path / "aside") == 0
    monkeypatch.setenv("TARGETS_KEY", (tmp_path / "aside/aside.pem").read_text())
    public = tmp_path / "aside/aside.pub.pem"
    words = ("--new-key", "env:TARGETS_KEY", "--public-key", public)
    assert run("rotate-key", "targets", "--repo", repo, *words) == 0
    assert run("withdraw", "--repo", repo, "--pack", "street-art") == 0
    monkeypatch.delenv("TARGETS_KEY")
    assert run("refresh", "--repo", repo, "--offline") == ExitCode.SETUP
    assert "TARGETS_KEY: is not set" in capsys.readouterr().err


def test_a_maker_publishes_with_a_key_of_their_own(
    repo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", "--repo", repo) == 0
    keys = tmp_path / "museum.keys"
    assert run("new-key", "street", "--root", tmp_path / "repo.keys/root.json", "--keys", keys) == 0
    assert run("delegate", "street", "--public-key", keys / "street.pub.pem", "--repo", repo) == 0
    assert run("withdraw", "--pack", "street-art", "--repo", repo, "--keys", keys) == 0
    assert run("delegate", "street-art", "--public-key", keys / "street.pub.pem", "--repo", repo) == ExitCode.SETUP
    assert "overlap" in capsys.readouterr().err
    assert run("delegate", "street", "--remove", "--repo", repo) == 0
    assert "street" not in status(repo, capsys)


def test_the_running_server_renews_what_is_due(repo: Path) -> None:
    assert run("init", "--repo", repo) == 0
    keys = repo.with_name("repo.keys")
    renewal = SignatureRenewal(repo, keys, lambda _: None)
    assert not renewal.look()
    values = json.loads((keys / "keys.json").read_bytes())
    (keys / "keys.json").write_text(json.dumps({**values, "online_days": 40}))
    assert renewal.look(), "less than half of the new time is left"
    ends = signature_health(FolderTree(repo)).expires_utc["timestamp"]
    assert (ends - datetime.now(UTC)).days >= 39


def test_a_published_pack_is_synced_only_with_the_pinned_root(
    repo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", "--repo", repo) == 0
    store = str(tmp_path / "store")
    url = "http://127.0.0.1:9"
    root = str(tmp_path / "repo.keys/root.json")
    assert edge_identify(["trust", url, "--root", root, "--store", store]) == 0
    assert edge_identify(["sync", url, "--unsigned", "--pack", "street-art", "--store", store]) == ExitCode.SETUP
    assert "has a pinned root" in capsys.readouterr().err
    assert edge_identify(["trust", url, "--forget", "--store", store]) == 0
    assert edge_identify(["trust", url, "--root", str(repo / LISTING_NAME), "--store", store]) == ExitCode.SETUP
    assert "is no root" in capsys.readouterr().err


def test_a_signed_file_is_carried_to_a_device_without_a_network(
    repo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_identify.edge_runtime.sync.device_sync.self_test_within_limits", lambda *_: None)
    file, store = str(tmp_path / "street-art.edgepack"), str(tmp_path / "store")
    assert run("carry", "--pack", "street-art", "--repo", repo, "--out", file) == ExitCode.SETUP
    assert "not signed; make keys" in capsys.readouterr().err
    assert run("init", "--repo", repo) == 0
    assert run("carry", "--pack", "street-art", "--repo", repo, "--out", file) == 0
    assert "street-art 1.0.0 in" in capsys.readouterr().out
    assert run("carry", "--pack", "street-art", "--repo", repo, "--out", file) == ExitCode.SETUP
    assert run("carry", "--pack", "street-art", "--repo", repo, "--out", file, "--replace") == 0

    assert edge_identify(["install", file, "--store", store]) == ExitCode.SETUP
    assert "this device has no pinned root" in capsys.readouterr().err
    root = str(repo.with_name("repo.keys") / "root.json")
    assert edge_identify(["trust", "https://packs.example.org", "--root", root, "--store", store]) == 0
    assert edge_identify(["install", file, "--store", store]) == 0
    assert "; signed, as of " in capsys.readouterr().out
    assert edge_identify(["packs", "--store", store]) == 0
    assert "from https://packs.example.org, signed, as of " in capsys.readouterr().out
