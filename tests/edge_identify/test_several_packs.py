"""`edge_identify.open()` with several installed packs: one identifier over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from installed_packs import COLD, WARM, install, write_named_pack
from PIL import Image

import edge_identify as ei
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.store.default_pack import write_default_pack
from edge_identify.edge_runtime.store.pack_store import PackStore
from service_packs import write_service_pack

BLUE, RED, GREY = (Image.new("RGB", (20, 12), rgb) for rgb in ((0, 0, 250), (250, 0, 0), (120, 120, 120)))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("several")
    store = PackStore(folder / "store")
    install(store, write_named_pack(folder / "cold", "cold", COLD))
    install(store, write_named_pack(folder / "warm", "warm", WARM))
    return store.root


@pytest.fixture(scope="module")
def identifier(store: Path) -> Iterator[ei.PackIdentifier]:
    with ei.open(store=store) as identifier:
        yield identifier


def test_one_photo_and_many_are_answered_by_the_pack_that_knows_them(identifier: ei.PackIdentifier) -> None:
    assert identifier.pack_names == ("cold", "warm")
    assert [identifier.identify(photo).pack_name for photo in (BLUE, RED)] == ["cold", "warm"]
    red, broken, blue = identifier.identify_many([RED, b"none", BLUE])
    assert isinstance(red, ei.Identification)
    assert isinstance(broken, ei.FailedPhoto)
    assert isinstance(blue, ei.Identification)
    assert (red.pack_name, blue.pack_name) == ("warm", "cold")


def test_filters_leave_out_packs_and_geometry_needs_thumbnails(identifier: ei.PackIdentifier) -> None:
    assert identifier.identify(BLUE, namespaces="warm").pack_name == "warm"
    with pytest.raises(SetupError, match=r"cold: .*warm: "):
        identifier.identify(BLUE, namespaces="hot")
    with pytest.raises(SetupError, match=r"thumbnails|OpenCV"):
        identifier.identify(BLUE, verify_geometry="always")


def test_a_name_and_a_version_are_those_of_the_answers(identifier: ei.PackIdentifier) -> None:
    for name in ("pack_name", "pack_version"):
        with pytest.raises(SetupError, match=r"2 packs are open \(cold, warm\)"):
            getattr(identifier, name)
    assert identifier.search("red").pack_name == "warm"


def test_a_vector_needs_packs_of_one_space(identifier: ei.PackIdentifier, tmp_path: Path) -> None:
    assert identifier.embed_image(BLUE).shape == (3,)
    assert identifier.embedding_space == "c" * 64

    store = PackStore(tmp_path / "store")
    install(store, write_named_pack(tmp_path / "cold", "cold", COLD, own_encoder=True))
    install(store, write_named_pack(tmp_path / "warm", "warm", WARM))
    with ei.open(store=store.root) as differing:
        with pytest.raises(SetupError, match="cold, warm have 2 embedding spaces; open one of them"):
            _ = differing.embedding_space
        with pytest.raises(SetupError, match="cold, warm have 2 embedding spaces; open one of them"):
            differing.embed_image(BLUE)


def test_a_text_is_answered_by_the_pack_that_knows_texts(tmp_path: Path) -> None:
    store = PackStore(tmp_path / "store")
    install(store, write_named_pack(tmp_path / "cold", "cold", COLD))
    install(store, write_service_pack(tmp_path / "letters"))

    with ei.open(store=store.root) as identifier:
        assert identifier.search("red").pack_name == "letters"
        assert identifier.identify(BLUE, verify_geometry="always").best.matched_points is not None


def test_a_default_pack_and_a_damaged_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = PackStore(tmp_path / "store")
    install(store, write_named_pack(tmp_path / "cold", "cold", COLD))
    install(store, write_named_pack(tmp_path / "warm", "warm", WARM))

    (store.root / "warm/active.json").write_text("{")
    with ei.open(store=store.root) as identifier:
        assert identifier.pack_names == ("cold",)
    assert caplog.messages[0].startswith("pack warm is left out: ")

    write_default_pack(store.root, "cold")
    with ei.open(store=store.root) as identifier:
        assert identifier.pack_name == "cold"
