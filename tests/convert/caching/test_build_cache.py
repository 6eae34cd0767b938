"""The cache of builds: what is kept, what is forgotten, and what happens when it is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_identify.convert.caching import build_cache
from edge_identify.convert.caching.build_cache import KEPT_BUILDS, BuildCache, cache_folder, cache_key


def test_values_are_kept_from_build_to_build(tmp_path: Path) -> None:
    BuildCache(tmp_path).keep("vectors", {"a": b"1", "b": b"2"})

    later = BuildCache(tmp_path)

    assert later.read("vectors", ["a", "b", "c"]) == {"a": b"1", "b": b"2"}
    assert later.read("thumbnails", ["a"]) == {}


def test_many_keys_are_read_at_once(tmp_path: Path) -> None:
    values = {str(number): bytes([number % 256]) for number in range(1200)}
    cache = BuildCache(tmp_path)
    cache.keep("vectors", values)

    assert cache.read("vectors", list(values)) == values


def test_what_some_builds_have_not_used_is_forgotten(tmp_path: Path) -> None:
    BuildCache(tmp_path).keep("vectors", {"used": b"1", "unused": b"2"})
    for _ in range(KEPT_BUILDS + 1):
        build = BuildCache(tmp_path)
        build.read("vectors", ["used"])
        build.forget_unused()

    assert BuildCache(tmp_path).read("vectors", ["used", "unused"]) == {"used": b"1"}


def test_the_oldest_values_are_forgotten_when_the_cache_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_cache, "MOST_BYTES", 250)
    for number in range(3):
        build = BuildCache(tmp_path)
        build.keep("vectors", {str(number): bytes(100)})
        build.forget_unused()

    assert set(BuildCache(tmp_path).read("vectors", ["0", "1", "2"])) == {"1", "2"}


def test_a_folder_is_restored_whole_or_not_at_all(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep/model.onnx").write_bytes(b"weights")
    cache = BuildCache(tmp_path / "cache")
    cache.keep_folder("key", source)

    assert cache.restore_folder("key", tmp_path / "out")
    assert (tmp_path / "out/deep/model.onnx").read_bytes() == b"weights"
    assert not cache.restore_folder("another key", tmp_path / "other")

    (kept,) = (tmp_path / "cache").rglob("model.onnx")
    kept.write_bytes(b"changed")
    assert not cache.restore_folder("key", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_forgotten_folder_is_deleted(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "model.onnx").write_bytes(b"weights")
    BuildCache(tmp_path / "cache").keep_folder("key", source)
    for _ in range(KEPT_BUILDS + 2):
        build = BuildCache(tmp_path / "cache")
        build.keep("vectors", {"used": b""})
        build.forget_unused()

    assert list((tmp_path / "cache").rglob("*.onnx")) == []


def test_a_damaged_cache_is_reported_once_and_not_used(tmp_path: Path) -> None:
    BuildCache(tmp_path).keep("vectors", {"a": b"1"})
    (database,) = tmp_path.glob("*.sqlite")
    database.write_bytes(b"not a database" * 1000)
    told = list[str]()
    cache = BuildCache(tmp_path, tell=told.append)

    assert cache.read("vectors", ["a"]) == {}
    cache.keep("vectors", {"a": b"1"})

    assert len(told) == 1
    assert str(tmp_path) in told[0]
    assert "safe to delete" in told[0]


def test_the_folder_is_beside_the_catalogue_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(build_cache.FOLDER_VARIABLE)
    assert cache_folder(Path("/data/street.sqlite")) == Path("/data/street.sqlite.cache")
    monkeypatch.setenv(build_cache.FOLDER_VARIABLE, "/cache")
    assert cache_folder(Path("/data/street.sqlite")) == Path("/cache")


def test_the_order_of_parts_counts_in_a_key() -> None:
    assert len({cache_key("a", "b"), cache_key("b", "a"), cache_key("ab")}) == 3
