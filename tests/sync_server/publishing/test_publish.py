"""Publishing: the tree has the files of the pack, versions are immutable, and no concurrent publish is lost."""

from __future__ import annotations

import errno
import itertools
import os
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest

from edge_identify.edge_runtime.errors import PackDamagedError, PackFormatError, PackNotFoundError, SetupError
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.io.locking import only_writer
from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME, Manifest
from edge_identify.edge_runtime.pack.pack_names import PackVersion
from edge_identify.edge_runtime.pack.pack_reader import read_manifest, verify_pack_files
from edge_identify.edge_runtime.sync.listing import LISTING_NAME, PAGE_NAME, blob_path
from edge_identify.sync_server.publishing.folder_tree import read_listing
from edge_identify.sync_server.publishing.publish import publish

SmallPack = Callable[..., Path]
NOW = datetime(2026, 1, 31, 12, 30, 15, 999, tzinfo=UTC)


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip fsync: the files of tests need not survive a power cut."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return tmp_path / "repo"


def _tree(repo: Path) -> dict[str, bytes]:
    files = (path for path in repo.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(repo).as_posix(): path.read_bytes() for path in files}


def test_a_published_pack_is_whole_in_the_tree(small_pack: SmallPack, tmp_path: Path, repo: Path) -> None:
    pack = small_pack(tmp_path / "pack")
    report = publish(pack, repo, now_utc=NOW)
    manifest = read_manifest(pack)
    offered = read_listing(repo).packs["street-art"].newest
    assert (repo / offered.manifest.path).read_bytes() == (pack / MANIFEST_NAME).read_bytes()
    assert sha256_of_file(repo / offered.manifest.path) == offered.manifest.sha256
    for entry in manifest.files.values():
        assert (repo / blob_path(entry.sha256)).read_bytes() == (pack / entry.path).read_bytes()
    assert offered.published_utc == datetime(2026, 1, 31, 12, 30, 15, tzinfo=UTC)
    assert offered.size_bytes == manifest.size_bytes()
    assert (report.is_new, report.copied_files) == (True, len(manifest.files))
    assert report.copied_bytes == manifest.size_bytes()


def test_every_file_may_be_read_by_another_web_server(small_pack: SmallPack, tmp_path: Path, repo: Path) -> None:
    publish(small_pack(tmp_path / "pack"), repo, now_utc=NOW)
    assert all((repo / path).stat().st_mode & 0o044 == 0o044 for path in _tree(repo))


def test_publishing_again_changes_nothing_and_says_so(small_pack: SmallPack, tmp_path: Path, repo: Path) -> None:
    pack = small_pack(tmp_path / "pack")
    publish(pack, repo, now_utc=NOW)
    before = _tree(repo)
    report = publish(pack, repo, now_utc=datetime(2030, 1, 1, tzinfo=UTC))
    assert (report.is_new, report.copied_files) == (False, 0)
    assert _tree(repo) == before


def test_a_version_with_other_bytes_is_refused(small_pack: SmallPack, tmp_path: Path, repo: Path) -> None:
    publish(small_pack(tmp_path / "pack"), repo, now_utc=NOW)
    before = _tree(repo)
    with pytest.raises(SetupError, match=r"versions are immutable: build with --version 1\.1\.0"):
        publish(small_pack(tmp_path / "other", payload={"index.faiss": b"other"}), repo, now_utc=NOW)
    assert _tree(repo) == before


def test_a_version_older_than_the_newest_is_refused_unless_it_is_there(
    small_pack: SmallPack, tmp_path: Path, repo: Path
) -> None:
    first = small_pack(tmp_path / "first", version="1.0.0")
    publish(first, repo, now_utc=NOW)
    publish(small_pack(tmp_path / "newest", version="2.5.0"), repo, now_utc=NOW)
    with pytest.raises(SetupError, match=r"1\.9\.0 is older than 2\.5\.0.*--version 2\.6\.0"):
        publish(small_pack(tmp_path / "late", version="1.9.0"), repo, now_utc=NOW)
    assert not publish(first, repo, now_utc=NOW).is_new
    assert read_listing(repo).packs["street-art"].newest.version == PackVersion(2, 5, 0)


def test_a_new_version_copies_only_what_changed(small_pack: SmallPack, tmp_path: Path, repo: Path) -> None:
    publish(small_pack(tmp_path / "pack"), repo, now_utc=NOW)
    new = small_pack(tmp_path / "new", version="1.1.0", title="New title", payload={"index.faiss": b"more"})
    report = publish(new, repo, now_utc=NOW)
    assert (report.copied_files, report.copied_bytes, report.reused_files) == (1, 4, 4)
    assert read_listing(repo).packs["street-art"].title == "New title"


def test_packs_of_two_names_share_a_tree(small_pack: SmallPack, tmp_path: Path, repo: Path) -> None:
    publish(small_pack(tmp_path / "a", name="street-art"), repo, now_utc=NOW)
    assert publish(small_pack(tmp_path / "b", name="birds"), repo, now_utc=NOW).copied_files == 0
    assert list(read_listing(repo).packs) == ["birds", "street-art"]


def test_a_damaged_pack_is_refused_before_the_tree_is_touched(
    small_pack: SmallPack, tmp_path: Path, repo: Path
) -> None:
    pack = small_pack(tmp_path / "pack")
    (pack / "index.faiss").write_bytes(b"vectorz")
    with pytest.raises(PackDamagedError, match=r"index\.faiss"):
        publish(pack, repo, now_utc=NOW)
    assert not repo.exists()


def test_a_folder_without_a_pack_is_named(tmp_path: Path, repo: Path) -> None:
    with pytest.raises(PackNotFoundError, match="nowhere"):
        publish(tmp_path / "nowhere", repo, now_utc=NOW)


def test_a_torn_blob_is_replaced(small_pack: SmallPack, tmp_path: Path, repo: Path) -> None:
    pack = small_pack(tmp_path / "pack")
    publish(pack, repo, now_utc=NOW)
    blob = repo / blob_path(read_manifest(pack).files["index.faiss"].sha256)
    blob.write_bytes(b"vec")
    assert publish(pack, repo, now_utc=NOW).copied_files == 1
    assert blob.read_bytes() == b"vectors"


def test_a_blob_with_a_flipped_bit_is_replaced(small_pack: SmallPack, tmp_path: Path, repo: Path) -> None:
    pack = small_pack(tmp_path / "pack")
    publish(pack, repo, now_utc=NOW)
    before = _tree(repo)
    blob = repo / blob_path(read_manifest(pack).files["index.faiss"].sha256)
    blob.write_bytes(b"vectorz")
    report = publish(pack, repo, now_utc=NOW)
    assert (report.is_new, report.copied_files) == (False, 1)
    assert _tree(repo) == before


@pytest.mark.parametrize("page", [None, "damaged"])
def test_the_page_is_written_again_and_the_listing_is_not(
    small_pack: SmallPack, tmp_path: Path, repo: Path, page: str | None
) -> None:
    pack = small_pack(tmp_path / "pack")
    publish(pack, repo, now_utc=NOW)
    before, listing = _tree(repo), (repo / LISTING_NAME).stat()
    (repo / PAGE_NAME).unlink()
    if page is not None:
        (repo / PAGE_NAME).write_text(page)
    publish(pack, repo, now_utc=NOW)
    assert _tree(repo) == before
    assert (repo / LISTING_NAME).stat() == listing


def test_a_publish_that_is_cut_off_lists_nothing_and_can_be_repeated(
    small_pack: SmallPack, tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(small_pack(tmp_path / "old"), repo, now_utc=NOW)
    new = small_pack(tmp_path / "new", version="2.0.0", title="New", payload={"index.faiss": b"more"})
    for write in (1, 2, 3, 4):  # the blob, the manifest, the page, the listing
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", _dying_at(write))
            with pytest.raises(KeyboardInterrupt):
                publish(new, repo, now_utc=NOW)
        assert read_listing(repo).packs["street-art"].newest.version == PackVersion(1, 0, 0)
        (repo / blob_path(read_manifest(new).files["index.faiss"].sha256)).unlink(missing_ok=True)
        (repo / "manifests/street-art/2.0.0.json").unlink(missing_ok=True)
    assert publish(new, repo, now_utc=NOW).is_new
    assert read_listing(repo).packs["street-art"].newest.version == PackVersion(2, 0, 0)


def _dying_at(write: int) -> Callable[[Path, Path], Path]:
    """Return a `Path.replace` that raises KeyboardInterrupt at its n-th call."""
    whole = Path.replace
    calls = itertools.count(1)

    def replace(path: Path, target: Path) -> Path:
        if next(calls) == write:
            raise KeyboardInterrupt
        return whole(path, target)

    return replace


def test_what_a_killed_publish_left_is_cleared(small_pack: SmallPack, tmp_path: Path, repo: Path) -> None:
    pack = small_pack(tmp_path / "pack")
    publish(pack, repo, now_utc=NOW)
    blob = repo / blob_path(read_manifest(pack).files["index.faiss"].sha256)
    targets = [blob, repo / "manifests/street-art/1.0.0.json", repo / LISTING_NAME, repo / PAGE_NAME]
    leftovers = [
        Path(tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)[1]) for path in targets
    ]
    publish(pack, repo, now_utc=NOW)
    assert [path for path in leftovers if path.exists()] == []


def test_files_of_others_in_the_tree_are_left_alone(small_pack: SmallPack, tmp_path: Path, repo: Path) -> None:
    pack = small_pack(tmp_path / "pack")
    publish(pack, repo, now_utc=NOW)
    own_name = f".{'ab' * 32}.abcd1234.part"
    others = [
        repo / "downloads/.film.mkv.part",
        repo / ".film.mkv.part",
        repo / "blobs/sha256/00/.film.mkv.part",
        repo / "backup" / own_name,
        repo / own_name,
        repo / "blobs/sha256/00/deeper" / own_name,
    ]
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("somebody's work")
    (repo / ".packs.json.abcd1234.part").mkdir()
    publish(pack, repo, now_utc=NOW)
    assert [path for path in others if not path.exists()] == []


def test_a_second_publish_at_the_same_time_is_told_to_wait(small_pack: SmallPack, tmp_path: Path, repo: Path) -> None:
    pack = small_pack(tmp_path / "pack")
    publish(pack, repo, now_utc=NOW)
    with (
        only_writer(repo / ".publishing", busy=""),
        pytest.raises(SetupError, match="another publish is running"),
    ):
        publish(pack, repo, now_utc=NOW)


def test_of_many_publishes_at_once_none_is_lost(small_pack: SmallPack, tmp_path: Path, repo: Path) -> None:
    names = [f"pack-{n}" for n in range(6)]
    packs = [small_pack(tmp_path / name, name=name) for name in names]

    def until_published(pack: Path) -> None:
        while True:
            try:
                publish(pack, repo, now_utc=NOW)
                return
            except SetupError:
                continue

    threads = [threading.Thread(target=until_published, args=[pack]) for pack in packs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(read_listing(repo).packs) == names


def test_a_full_disk_is_one_line_and_lists_nothing(
    small_pack: SmallPack, tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SetupError, match="No space left on device; make room"):
        publish(small_pack(tmp_path / "pack"), repo, now_utc=NOW)
    assert _tree(repo) == {}


def test_a_listing_of_a_newer_software_is_not_overwritten(small_pack: SmallPack, tmp_path: Path, repo: Path) -> None:
    repo.mkdir()
    (repo / LISTING_NAME).write_text('{"format": 2}')
    with pytest.raises(PackFormatError, match=r"update edge-identify$"):
        publish(small_pack(tmp_path / "pack"), repo, now_utc=NOW)
    assert (repo / LISTING_NAME).read_text() == '{"format": 2}'


def test_a_damaged_listing_is_kept_and_the_message_says_how_to_go_on(
    small_pack: SmallPack, tmp_path: Path, repo: Path
) -> None:
    pack = small_pack(tmp_path / "pack")
    publish(pack, repo, now_utc=NOW)
    (repo / LISTING_NAME).write_text("{")
    with pytest.raises(
        PackFormatError, match=r"packs\.json: is not valid JSON.*delete it and publish each version again"
    ):
        publish(pack, repo, now_utc=NOW)
    assert (repo / LISTING_NAME).read_text() == "{"
    (repo / LISTING_NAME).unlink()
    assert publish(pack, repo, now_utc=NOW).is_new


@pytest.mark.parametrize("inside", [".", "repo", "../pack/a/repo"])
def test_a_tree_inside_the_pack_is_refused(small_pack: SmallPack, tmp_path: Path, inside: str) -> None:
    pack = small_pack(tmp_path / "pack")
    before = _tree(pack)
    with pytest.raises(SetupError, match="inside the pack"):
        publish(pack, pack / inside, now_utc=NOW)
    assert _tree(pack) == before


def test_the_manifest_that_was_checked_is_the_one_that_is_published(
    small_pack: SmallPack, tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = small_pack(tmp_path / "pack")
    checked = (pack / MANIFEST_NAME).read_bytes()

    def verified_and_then_changed(folder: Path, manifest: Manifest) -> None:
        verify_pack_files(folder, manifest)
        (folder / MANIFEST_NAME).write_bytes(b"another")

    monkeypatch.setattr("edge_identify.sync_server.publishing.publish.verify_pack_files", verified_and_then_changed)
    publish(pack, repo, now_utc=NOW)
    assert (repo / read_listing(repo).packs["street-art"].newest.manifest.path).read_bytes() == checked


def test_a_hostile_title_is_only_text_on_the_page(small_pack: SmallPack, tmp_path: Path, repo: Path) -> None:
    title = '<script>alert("1")</script>{name}&amp;'
    publish(small_pack(tmp_path / "pack", title=title), repo, now_utc=NOW)
    page = (repo / PAGE_NAME).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;{name}&amp;amp;" in page
    assert 'href="manifests/street-art/1.0.0.json"' in page
    assert '<meta name="viewport"' in page
