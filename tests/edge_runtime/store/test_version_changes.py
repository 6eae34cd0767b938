"""Going back, removing and making room: one pack always answers, or none is there any more."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_identify.edge_runtime.errors import PackDamagedError, PackError, PackNotFoundError, SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.io.locking import only_writer
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, Manifest
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.pack.pack_reader import read_manifest, verify_pack_files
from edge_identify.edge_runtime.store.default_pack import read_default_pack, write_default_pack
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.store.version_changes import prune, remove_pack, roll_back
from edge_identify.edge_runtime.sync.listing import OfferedVersion, parse_listing
from edge_identify.edge_runtime.sync.sync_plan import reason_to_stay

Install = Callable[..., None]


@pytest.fixture
def store(tmp_path: Path) -> PackStore:
    return PackStore(tmp_path / "store")


@pytest.fixture
def install(store: PackStore, small_pack: Callable[..., Path], tmp_path: Path) -> Install:
    """Install a version of a pack, as a sync does."""

    def put(version: str, name: str = "street-art", index: bytes = b"vectors") -> None:
        pack = small_pack(tmp_path / f"{name}-{version}", version=version, name=name, payload={"index.faiss": index})
        manifest = read_manifest(pack)
        with store.updating(name):
            store.stage(name, (pack / MANIFEST_NAME).read_bytes(), {path: pack / path for path in manifest.files})
            store.activate(
                store.describe(
                    name,
                    manifest.version,
                    variant_names=manifest.variant_names(),
                    source="http://packs.example.org",
                    manifest_sha256=sha256_of_file(pack / MANIFEST_NAME),
                )
            )

    return put


def passes(folder: Path, manifest: Manifest, variant_names: tuple[str, ...]) -> None:
    verify_pack_files(folder, manifest, variant_names)


def active(store: PackStore) -> str:
    """Return the active version after every byte of it was checked."""
    installed = store.active("street-art")
    verify_pack_files(installed.folder, read_manifest(installed.folder), installed.variant_names)
    return str(installed.version)


def test_a_rollback_goes_back_and_another_one_goes_forward(store: PackStore, install: Install) -> None:
    install("1.0.0")
    install("1.1.0", index=b"more vectors")
    newer = store.active("street-art")

    assert str(roll_back(store, "street-art", passes).version) == active(store) == "1.0.0"
    assert store.active("street-art").is_rolled_back
    again = roll_back(store, "street-art", passes)

    assert (active(store), again.manifest_sha256, again.source) == ("1.1.0", newer.manifest_sha256, newer.source)
    assert not again.is_rolled_back


def test_a_sync_leaves_a_version_that_was_taken_back_and_takes_the_next_one(store: PackStore, install: Install) -> None:
    install("1.0.0")
    install("1.1.0")
    taken_back = roll_back(store, "street-art", passes)

    def offered(version: str) -> OfferedVersion:
        row = {"version": version, "size_bytes": 1, "published_utc": "2026-01-31T12:00:00Z"}
        manifest = {"path": "m.json", "length_bytes": 1, "sha256": "0" * 64}
        packs = [{"name": "a", "title": "a", "newest": version, "versions": [{**row, "manifest": manifest}]}]
        return parse_listing(json.dumps({"format": 1, "packs": packs}).encode()).packs["a"].newest

    assert "taken back" in str(reason_to_stay(taken_back, offered("1.1.0"), source="s"))
    assert reason_to_stay(taken_back, offered("1.2.0"), source="s") is None
    install("1.2.0")
    assert (active(store), str(store.active("street-art").previous)) == ("1.2.0", "1.0.0")


def test_a_pointer_of_an_older_release_can_be_rolled_back_too(store: PackStore, install: Install) -> None:
    install("1.0.0")
    install("1.1.0")
    pointer = store.root / "street-art/active.json"
    values = json.loads(pointer.read_bytes())
    del values["before"]
    pointer.write_text(json.dumps(values))

    assert str(roll_back(store, "street-art", passes).version) == active(store) == "1.0.0"


def test_without_a_version_before_there_is_no_way_back(store: PackStore, install: Install) -> None:
    install("1.0.0")
    with pytest.raises(SetupError, match="has no version before"):
        roll_back(store, "street-art", passes)
    with pytest.raises(PackNotFoundError, match="installed: street-art"):
        roll_back(store, "birds", passes)


@pytest.mark.parametrize("damaged", ["index.faiss", MANIFEST_NAME])
def test_a_damaged_version_before_is_not_gone_back_to(damaged: str, store: PackStore, install: Install) -> None:
    install("1.0.0")
    install("1.1.0", index=b"more vectors")
    path = store.root / "street-art/versions/1.0.0" / damaged
    path.write_bytes(path.read_bytes()[:-2] + b"!}")
    with pytest.raises((PackError, SetupError)):
        roll_back(store, "street-art", passes)
    assert active(store) == "1.1.0"


def test_a_version_before_that_fails_its_self_test_is_not_gone_back_to(store: PackStore, install: Install) -> None:
    def fails(*_: object) -> None:
        raise PackDamagedError("other embeddings")

    install("1.0.0")
    install("1.1.0")
    with pytest.raises(PackDamagedError, match="other embeddings"):
        roll_back(store, "street-art", fails)
    assert active(store) == "1.1.0"


def test_a_removed_pack_is_gone_and_no_default_any_more_and_can_come_again(store: PackStore, install: Install) -> None:
    install("1.0.0")
    install("1.0.0", name="birds")
    write_default_pack(store.root, "birds")

    freed_bytes = remove_pack(store, "birds")

    assert freed_bytes > 0
    assert store.names() == ("street-art",)
    assert read_default_pack(store.root) is None
    assert [path.name for path in (store.root / "birds").iterdir()] == ["lock"]
    install("1.0.0", name="birds")
    assert store.active("birds").version == PackVersion.parse("1.0.0")


def test_a_pack_that_is_being_synced_is_not_removed(store: PackStore, install: Install) -> None:
    install("1.0.0")
    with only_writer(store.root / "street-art/lock", busy=""), pytest.raises(SetupError, match="being synced"):
        remove_pack(store, "street-art")
    assert active(store) == "1.0.0"


def test_pruning_keeps_the_active_versions_alone(store: PackStore, install: Install) -> None:
    for version in ("1.0.0", "1.1.0"):
        install(version, index=version.encode() * 1000)
        install(version, name="birds")
    (store.root / "birds/arrived").mkdir()
    (store.root / "birds/arrived/part").write_bytes(bytes(5000))

    freed = prune(store, keep=1)

    assert freed.packs == ("birds", "street-art")
    assert freed.freed_bytes > 10_000
    assert [path.name for path in (store.root / "street-art/versions").iterdir()] == ["1.1.0"]
    assert active(store) == "1.1.0"
    assert store.active("street-art").previous is None


def test_pruning_by_size_stops_as_soon_as_the_packs_are_small_enough(store: PackStore, install: Install) -> None:
    for version in ("1.0.0", "1.1.0"):
        install(version, index=version.encode() * 10_000)
        install(version, name="birds")
    assert prune(store, max_bytes=10**9).packs == ()
    freed = prune(store, max_bytes=75_000)
    assert freed.packs == ("street-art",)
    assert freed.store_bytes <= 75_000
