"""`sync`, `packs` and `verify` with several packs: one that fails stops no other."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_identify.edge_runtime.cli.main import main
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, Manifest
from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

SmallPack = Callable[..., Path]


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait for the disk: their files need not outlive a power cut."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def store(small_pack: SmallPack, tmp_path: Path) -> PackStore:
    """Packs a, b and c."""
    store = PackStore(tmp_path / "store")
    for name in ("a", "b", "c"):
        _install(store, small_pack(tmp_path / name, name=name))
    return store


def _install(store: PackStore, pack: Path, *, source: str = "http://packs.example.org") -> Path:
    """Do what a sync does, with files from a folder; return where the version lies."""
    manifest = read_manifest(pack)
    with store.updating(manifest.name):
        staging = store.stage(manifest.name, (pack / MANIFEST_NAME).read_bytes(), {})
        shutil.copytree(pack, staging, dirs_exist_ok=True)
        new = store.describe(
            manifest.name,
            manifest.version,
            variant_names=manifest.variant_names(),
            source=source,
            manifest_sha256=sha256_of_file(pack / MANIFEST_NAME),
        )
        return store.activate(new).folder


def _damage_manifest(store: PackStore, name: str) -> None:
    (store.active(name).folder / MANIFEST_NAME).write_bytes(b"{}")


def test_packs_lists_the_others_beside_a_damaged_one(store: PackStore, capsys: pytest.CaptureFixture[str]) -> None:
    _damage_manifest(store, "b")
    assert main(["packs", "--store", str(store.root)]) == ExitCode.PACK
    said = capsys.readouterr()
    assert [line.split()[0] for line in said.out.splitlines()] == ["a", "c"]
    assert said.err.startswith("error: ")
    assert "sync" in said.err
    assert main(["packs", "--json", "--store", str(store.root)]) == ExitCode.PACK
    assert [row["name"] for row in json.loads(capsys.readouterr().out)["packs"]] == ["a", "c"]


def test_a_damaged_pack_alone_is_not_an_empty_store(
    small_pack: SmallPack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = PackStore(tmp_path / "store")
    _install(store, small_pack(tmp_path / "a", name="a"))
    _damage_manifest(store, "a")
    assert main(["packs", "--store", str(store.root)]) == ExitCode.PACK
    assert "no packs" not in capsys.readouterr().err


def test_a_store_that_is_a_file_is_a_wrong_set_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["packs", "--store", str(tmp_path / "file")]) == ExitCode.SETUP
    assert "is a file" in capsys.readouterr().err


def test_a_sync_of_all_packs_goes_on_behind_one_that_fails(
    small_pack: SmallPack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = PackStore(tmp_path / "store")
    for name, source in (("a", "ftp://a.invalid"), ("b", "ftp://b.invalid"), ("c", "ftp://c.invalid")):
        _install(store, small_pack(tmp_path / name, name=name), source=source)
    (store.root / "a/active.json").write_text("{")
    assert main(["sync", "--store", str(store.root)]) == ExitCode.PACK, "the first failure's code"
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3
    assert "active.json: is damaged" in errors[0]
    assert "ftp://b.invalid" in errors[1]
    assert "ftp://c.invalid" in errors[2]


def test_verify_tells_of_every_pack_and_ends_with_the_first_failure_s_code(
    store: PackStore, capsys: pytest.CaptureFixture[str]
) -> None:
    _damage_manifest(store, "a")
    (store.active("b").folder / "index.faiss").write_bytes(b"vectorz")
    assert main(["verify", "--store", str(store.root)]) == ExitCode.PACK
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["a", "b", "c"]
    assert "index.faiss: its content has changed" in lines[1]


def test_verify_goes_on_behind_a_pack_that_cannot_be_tested_here(
    store: PackStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge_identify.edge_runtime.errors import SetupError

    def fails_once(_: Path, manifest: Manifest, __: tuple[str, ...]) -> None:
        if manifest.name == "a":
            raise SetupError("onnxruntime is not installed")

    monkeypatch.setattr("edge_identify.edge_runtime.store.bounded_self_test.self_test_within_limits", fails_once)
    assert main(["verify", "--json", "--store", str(store.root)]) == ExitCode.SETUP
    assert json.loads(capsys.readouterr().out)["packs"] == [
        {"name": "a", "problem": "onnxruntime is not installed"},
        {"name": "b", "problem": None},
        {"name": "c", "problem": None},
    ]


def test_what_comes_from_outside_cannot_move_the_cursor(
    small_pack: SmallPack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = PackStore(tmp_path / "store")
    hostile = "http://x/\x1b[2J\nfake 9.9.9"
    folder = _install(store, small_pack(tmp_path / "a", name="a"), source=hostile)
    assert main(["packs", "--store", str(store.root)]) == 0
    assert "\x1b" not in (out := capsys.readouterr().out)
    assert len(out.splitlines()) == 1
    (folder / MANIFEST_NAME).write_bytes(b"{}")
    for command in ("packs", "verify", "sync"):
        assert main([command, "--store", str(store.root)]) != 0
        said = capsys.readouterr()
        assert "\x1b" not in said.out + said.err
        assert len((said.out + said.err).splitlines()) == 1
