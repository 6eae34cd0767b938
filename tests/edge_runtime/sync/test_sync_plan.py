"""Plans of a sync, as tables, without network. Only the small pack for the manifest is on the disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_identify.edge_runtime.errors import NetworkError, PackFormatError, PackNotFoundError, SetupError
from edge_identify.edge_runtime.pack.manifest import FileEntry, Manifest
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from edge_identify.edge_runtime.store.installed_packs import InstalledPack
from edge_identify.edge_runtime.sync.listing import EMPTY_LISTING, OfferedVersion, with_version
from edge_identify.edge_runtime.sync.sync_plan import (
    SPARE_BYTES,
    Action,
    check_fits,
    choose_pack,
    plan_sync,
    reason_to_stay,
)

ALL = ("onnx-fp32", "onnx-int8")
SOURCE = "http://packs.example.org"


@pytest.fixture
def manifest(small_pack: Callable[..., Path], tmp_path: Path) -> Manifest:
    return read_manifest(small_pack(tmp_path / "pack"))


def _installed(version: PackVersion, variant_names: tuple[str, ...] = ALL) -> InstalledPack:
    return InstalledPack(
        name="street-art",
        version=version,
        folder=Path("unused"),
        variant_names=variant_names,
        source=SOURCE,
        manifest_sha256="ab" * 32,
        previous=None,
    )


def _offered(version: PackVersion, sha256: str = "ab" * 32) -> OfferedVersion:
    return OfferedVersion(
        version=version,
        manifest=FileEntry(path="manifests/x.json", length_bytes=1, sha256=sha256),
        size_bytes=1,
        published_utc=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_a_new_pack_is_fetched_whole_but_for_the_variants_left_out(manifest: Manifest) -> None:
    plan = plan_sync(installed=None, manifest=manifest, variant_names=("onnx-int8",), intact=frozenset())
    assert plan.action is Action.DOWNLOAD
    assert {entry.path for entry in plan.fetch} == manifest.files.keys() - {"image/onnx-fp32.onnx"}
    assert plan.reuse == ()
    assert plan.fetch_bytes == sum(entry.length_bytes for entry in plan.fetch)


def test_what_is_here_already_is_not_fetched_whatever_its_path_was(manifest: Manifest) -> None:
    moved = replace(manifest.files["image/onnx-int8.onnx"], path="encoder.onnx")
    plan = plan_sync(
        installed=_installed(PackVersion(0, 9, 0)),
        manifest=manifest,
        variant_names=ALL,
        intact=frozenset({moved}),
    )
    assert [entry.path for entry in plan.reuse] == ["image/onnx-int8.onnx"]
    assert "image/onnx-int8.onnx" not in {entry.path for entry in plan.fetch}


def test_the_same_version_whole_is_up_to_date(manifest: Manifest) -> None:
    intact = frozenset(manifest.files.values())
    plan = plan_sync(installed=_installed(manifest.version), manifest=manifest, variant_names=ALL, intact=intact)
    assert plan.action is Action.UP_TO_DATE
    assert plan.fetch == ()


def test_the_same_version_with_a_damaged_file_fetches_that_file(manifest: Manifest) -> None:
    damaged = manifest.files["index.faiss"]
    intact = frozenset(manifest.files.values()) - {damaged}
    plan = plan_sync(installed=_installed(manifest.version), manifest=manifest, variant_names=ALL, intact=intact)
    assert plan.action is Action.DOWNLOAD
    assert plan.fetch == (damaged,)
    assert "damaged" in plan.note


def test_a_damaged_manifest_is_put_back_without_fetching_a_file(manifest: Manifest) -> None:
    plan = plan_sync(
        installed=_installed(manifest.version),
        manifest=manifest,
        variant_names=ALL,
        intact=frozenset(manifest.files.values()),
        is_manifest_intact=False,
    )
    assert (plan.action, plan.fetch) == (Action.DOWNLOAD, ())


def test_another_choice_of_variants_is_work_to_do(manifest: Manifest) -> None:
    plan = plan_sync(
        installed=_installed(manifest.version),
        manifest=manifest,
        variant_names=("onnx-int8",),
        intact=frozenset(manifest.files.values()),
    )
    assert (plan.action, plan.fetch) == (Action.DOWNLOAD, ())
    assert "onnx-int8" in plan.note


def test_equal_files_are_fetched_once(manifest: Manifest) -> None:
    twin = replace(manifest.files["index.faiss"], path="twin.faiss")
    twins = replace(manifest, files={**manifest.files, "twin.faiss": twin})
    plan = plan_sync(installed=None, manifest=twins, variant_names=ALL, intact=frozenset())
    assert len(plan.fetch) == len(twins.files) - 1


def test_a_variant_that_the_pack_lacks_is_refused(manifest: Manifest) -> None:
    with pytest.raises(PackFormatError, match="coreml-int8"):
        plan_sync(installed=None, manifest=manifest, variant_names=("coreml-int8",), intact=frozenset())


@pytest.mark.parametrize(
    ("installed", "offered", "stays"),
    [
        (None, PackVersion(1, 0, 0), False),
        (PackVersion(1, 0, 0), PackVersion(1, 0, 1), False),
        (PackVersion(1, 9, 0), PackVersion(1, 10, 0), False),
        (PackVersion(1, 0, 0), PackVersion(1, 0, 0), False),
        (PackVersion(2, 0, 0), PackVersion(1, 9, 9), True),
    ],
)
def test_only_an_older_version_on_offer_is_a_reason_to_stay(
    installed: PackVersion | None, offered: PackVersion, stays: bool
) -> None:
    pack = None if installed is None else _installed(installed)
    assert (reason_to_stay(pack, _offered(offered), source=SOURCE) is not None) == stays


def test_a_version_that_changed_after_it_was_published_is_refused() -> None:
    version = PackVersion(1, 0, 0)
    with pytest.raises(NetworkError, match="other content"):
        reason_to_stay(_installed(version), _offered(version, sha256="cd" * 32), source=SOURCE)


def test_the_only_pack_needs_no_name_and_a_wrong_name_gets_the_right_ones() -> None:
    listing = with_version(EMPTY_LISTING, "birds", "Birds", _offered(PackVersion(1, 0, 0)))
    assert choose_pack(listing, None, source=SOURCE).name == "birds"
    with pytest.raises(PackNotFoundError, match=r"no pack 'bird'; it has birds"):
        choose_pack(listing, "bird", source=SOURCE)
    two = with_version(listing, "street-art", "", _offered(PackVersion(1, 0, 0)))
    assert choose_pack(two, "street-art", source=SOURCE).name == "street-art"
    with pytest.raises(SetupError, match="--pack: birds, street-art"):
        choose_pack(two, None, source=SOURCE)


def test_a_server_with_no_packs_is_told_from_a_wrong_name() -> None:
    for name in (None, "birds"):
        with pytest.raises(PackNotFoundError, match="offers no pack yet"):
            choose_pack(EMPTY_LISTING, name, source=SOURCE)


def test_a_download_must_leave_room_on_the_disk(manifest: Manifest) -> None:
    plan = plan_sync(installed=None, manifest=manifest, variant_names=ALL, intact=frozenset())
    needed = plan.fetch_bytes + SPARE_BYTES
    check_fits(plan, free_bytes=needed, store="store")
    with pytest.raises(SetupError, match="store: 17 MB are needed"):
        check_fits(plan, free_bytes=needed - 1, store="store")
