"""Binary codes are written for large packs, and only if their recall suffices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawn_vectors import clustered, unit
from edge_identify.convert.cli.main import main
from edge_identify.convert.packing import pack_binary_codes
from edge_identify.convert.packing.pack_binary_codes import (
    BINARY_CODES_FROM,
    LEAST_RECALL,
    add_binary_codes,
    share_found,
)
from edge_identify.convert.packing.pack_index import write_index
from edge_identify.edge_runtime.pack.binary_codes_file import map_binary_codes_file
from edge_identify.edge_runtime.pack.index_file import map_index_file
from edge_identify.edge_runtime.pack.manifest import BinaryCodesSpec, IndexSpec
from edge_identify.edge_runtime.pack.pack_reader import open_pack, read_manifest, verify_pack_files
from edge_identify.edge_runtime.search import binary_codes
from edge_identify.edge_runtime.search.identifier import Identifier
from edge_identify.edge_runtime.search.vector_search import Neighbours

pytestmark = pytest.mark.usefixtures("few_photos")


def photos_of(vectors: np.ndarray, noise: float = 0.3) -> np.ndarray:
    dim = vectors.shape[1]
    return unit(vectors[:: len(vectors) // 40] + noise / dim**0.5 * np.random.default_rng(2).normal(size=(dim,)))


def indexed(folder: Path, vectors: np.ndarray) -> IndexSpec:
    written = write_index(folder / "images.faiss", vectors, np.arange(len(vectors), dtype=np.int64))
    return IndexSpec(
        file="images.faiss",
        kind=written.kind,
        dim=vectors.shape[1],
        count=len(vectors),
        embedded_with="x",
        most_images_per_reference=1,
    )


def test_a_large_pack_gets_binary_codes_with_their_recall_and_the_same_bytes_again(tmp_path: Path) -> None:
    vectors = clustered(BINARY_CODES_FROM, 192, per_cluster=100, spread=0.6)
    spec = indexed(tmp_path, vectors)

    outcome = add_binary_codes(tmp_path, spec, "a.signs", lambda: photos_of(vectors))
    again = add_binary_codes(tmp_path, spec, "b.signs", lambda: photos_of(vectors))

    assert outcome.left_out_because is None
    assert outcome.spec is not None
    assert outcome.spec.file == "a.signs"
    assert LEAST_RECALL <= outcome.spec.recall_at_10 <= 1
    assert again.spec is not None
    assert (tmp_path / "a.signs").read_bytes() == (tmp_path / "b.signs").read_bytes()


def test_the_binary_codes_are_those_of_the_stored_vectors_about_their_mean(tmp_path: Path) -> None:
    vectors = clustered(BINARY_CODES_FROM, 192, per_cluster=100, spread=0.6)
    spec = indexed(tmp_path, vectors)
    add_binary_codes(tmp_path, spec, "a.signs", lambda: photos_of(vectors))

    rows = map_index_file(tmp_path / "images.faiss", spec)
    stored = rows.codes * rows.scale + rows.offset
    written = map_binary_codes_file(tmp_path / "a.signs", spec)

    assert written.mean == pytest.approx(stored.mean(axis=0, dtype=np.float64), abs=1e-7)
    assert (np.unpackbits(written.rows, axis=1, bitorder="little") == (stored > written.mean)).all()


def test_a_pack_too_small_to_gain_gets_none_and_embeds_no_photo(tmp_path: Path) -> None:
    spec = indexed(tmp_path, clustered(BINARY_CODES_FROM - 1, 16, per_cluster=100, spread=0.6))

    def never() -> np.ndarray:
        raise AssertionError("photos were embedded for nothing")

    outcome = add_binary_codes(tmp_path, spec, "a.signs", never)

    assert (outcome.spec, outcome.left_out_because) == (None, None)
    assert not (tmp_path / "a.signs").exists()


@pytest.mark.parametrize("case", ["few dimensions", "no clusters"])
def test_binary_codes_that_would_lose_answers_are_left_out_and_it_is_said(tmp_path: Path, case: str) -> None:
    vectors = (
        clustered(BINARY_CODES_FROM, 8, per_cluster=100, spread=0.6)
        if case == "few dimensions"
        else unit(1 + 0.01 * np.random.default_rng(3).normal(size=(BINARY_CODES_FROM, 64)))
    )
    spec = indexed(tmp_path, vectors)

    outcome = add_binary_codes(tmp_path, spec, "a.signs", lambda: photos_of(vectors, noise=0.01))

    assert outcome.spec is None
    assert outcome.left_out_because is not None
    assert "of the 10 nearest images of 40 simulated photos, below 0.99" in outcome.left_out_because
    assert not (tmp_path / "a.signs").exists()


def test_an_equal_score_is_as_good_and_a_lower_one_is_not() -> None:
    truth = Neighbours(ids=np.array([[1, 2, 3, 4]]), scores=np.array([[0.9, 0.8, 0.7, 0.7]], np.float32))
    found = Neighbours(ids=np.array([[1, 2, 9, 8]]), scores=np.array([[0.9, 0.8, 0.7, 0.6]], np.float32))

    assert share_found(truth, truth) == 1
    assert share_found(found, truth) == 0.75


@pytest.fixture
def build(tmp_path: Path, tiny_vit: str) -> Callable[[], tuple[int, Path]]:
    """Return a function that builds a pack of twelve drawn images by the command."""
    (tmp_path / "pictures").mkdir()
    for number in range(12):
        tiles = np.random.default_rng(number).integers(0, 255, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(tiles).resize((64, 64)).save(tmp_path / "pictures" / f"p{number}.png")
    catalogue = str(tmp_path / "catalogue.sqlite")
    assert main(["add", f"images:{tmp_path / 'pictures'}", "--catalogue", catalogue]) == 0

    def run() -> tuple[int, Path]:
        words = [
            "pack",
            "--catalogue",
            catalogue,
            "--name",
            "t",
            "--version",
            "1.0.0",
            "--model",
            tiny_vit,
            "--pretrained",
            "random",
        ]
        return main([*words, "--variants", "onnx-fp32", "--out", str(tmp_path / "pack")]), tmp_path / "pack"

    return run


def scan_signs_of_small_packs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Search packs of twelve rows by binary codes only; return the sizes of the shortlists to come."""

    def shortlisted(search: binary_codes.BinaryCodeSearch, bits: np.ndarray, k: int) -> np.ndarray:
        rows = right(search, bits, k)
        assert rows is not None
        sizes.append(len(rows))
        return rows

    sizes: list[int] = []
    right = binary_codes.BinaryCodeSearch._shortlist
    monkeypatch.setattr(binary_codes, "_LEAST_ASKED", 6)
    monkeypatch.setattr(binary_codes, "_ASKED_PER_ANSWER", 0)
    monkeypatch.setattr(binary_codes, "_MOST_SHARE", 2)
    monkeypatch.setattr(binary_codes.BinaryCodeSearch, "_shortlist", shortlisted)
    return sizes


def test_a_built_pack_has_its_binary_codes_listed_and_answers_with_them(
    build: Callable[[], tuple[int, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_binary_codes, "BINARY_CODES_FROM", 12)

    code, folder = build()

    manifest = read_manifest(folder)
    assert code == 0
    assert manifest.index.binary_codes == BinaryCodesSpec(file="index/images.signs", recall_at_10=1.0)
    verify_pack_files(folder, manifest)
    asked = scan_signs_of_small_packs(monkeypatch)
    for many in (False, True):
        with Identifier(open_pack(folder), many=many) as identifier:
            for name in (f"p{number}" for number in range(12)):
                best = identifier.identify(folder.parent / "pictures" / f"{name}.png").matches[0]
                assert best.reference.name == name
    assert len(asked) == 24
    assert max(asked) < 6


def test_a_build_says_that_binary_codes_were_left_out_and_is_a_success(
    build: Callable[[], tuple[int, Path]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pack_binary_codes, "BINARY_CODES_FROM", 12)
    monkeypatch.setattr(pack_binary_codes, "LEAST_RECALL", 1.1)

    code, folder = build()

    assert code == 0
    assert "left out: binary codes: a search with them finds 1.0000" in capsys.readouterr().err
    assert read_manifest(folder).index.binary_codes is None
    assert not (folder / "index/images.signs").exists()
