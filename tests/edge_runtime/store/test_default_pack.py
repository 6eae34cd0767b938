"""The default pack of a store: recorded, read, removed."""

from __future__ import annotations

from pathlib import Path

import pytest
from installed_packs import COLD, WARM, install, write_named_pack

from edge_identify.edge_runtime.errors import PackNotFoundError, SetupError
from edge_identify.edge_runtime.store.default_pack import (
    read_default_pack,
    remove_default_pack,
    write_default_pack,
)
from edge_identify.edge_runtime.store.open_by_name import open_asked, open_named
from edge_identify.edge_runtime.store.pack_store import PackStore


def test_a_name_is_kept_until_it_is_removed_and_is_no_pack_of_the_store(tmp_path: Path) -> None:
    assert read_default_pack(tmp_path / "none") is None
    write_default_pack(tmp_path, "warm")
    write_default_pack(tmp_path, "cold")

    assert read_default_pack(tmp_path) == "cold"
    assert PackStore(tmp_path).names() == ()
    remove_default_pack(tmp_path)
    remove_default_pack(tmp_path)
    assert read_default_pack(tmp_path) is None


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"pack": "../x"}', b'{"pack": 1}', b" " * 5000])
def test_a_damaged_record_is_told_and_not_taken_for_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "default.json").write_bytes(data)

    with pytest.raises(SetupError, match=r"default.json: is damaged .*--no-default"):
        read_default_pack(tmp_path)


def test_without_a_name_the_default_pack_or_all_packs_are_opened(tmp_path: Path) -> None:
    store = PackStore(tmp_path / "store")
    install(store, write_named_pack(tmp_path / "cold", "cold", COLD))
    assert not open_asked(None, store.root).are_several
    install(store, write_named_pack(tmp_path / "warm", "warm", WARM))

    assert [pack.manifest.name for pack in open_asked(None, store.root).packs] == ["cold", "warm"]
    with pytest.raises(SetupError, match="--pack: cold, warm"):
        open_named(None, store.root)
    write_default_pack(store.root, "warm")
    assert [pack.manifest.name for pack in open_asked(None, store.root).packs] == ["warm"]
    assert open_named(None, store.root).manifest.name == "warm"
    assert open_asked("cold", store.root).packs[0].manifest.name == "cold"
    write_default_pack(store.root, "gone")
    with pytest.raises(PackNotFoundError, match="the default pack 'gone' is not in"):
        open_asked(None, store.root)
