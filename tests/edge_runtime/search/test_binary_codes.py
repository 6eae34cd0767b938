"""A search by binary codes equals a search of the whole index, except for vectors outside the shortlist."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawn_vectors import clustered, faiss_index, unit
from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.edge_runtime.pack.binary_codes_file import (
    BinaryCodes,
    binarise,
    map_binary_codes_file,
    write_binary_codes_file,
)
from edge_identify.edge_runtime.pack.index_file import map_index_file
from edge_identify.edge_runtime.pack.manifest import BinaryCodesSpec, IndexKind, IndexSpec
from edge_identify.edge_runtime.search.binary_codes import (
    BinaryCodeSearch,
    FaissHammingScan,
    NumpyHammingScan,
    open_search,
)
from edge_identify.edge_runtime.search.vector_search import FaissSearch, MappedSearch, VectorSearch

COUNT = 9_000  # more than 20 * 400, from where the shortlist is used


def write(folder: Path, kind: IndexKind, vectors: np.ndarray, ids: np.ndarray) -> IndexSpec:
    """Write an index and its binary codes, computed from the stored values as the builder does."""
    count, dim = vectors.shape
    faiss.write_index(faiss_index(kind, vectors, ids), str(folder / "images.faiss"))
    spec = IndexSpec(
        file="images.faiss",
        kind=kind,
        dim=dim,
        count=count,
        embedded_with="x",
        most_images_per_reference=1,
        binary_codes=BinaryCodesSpec(file="images.signs", recall_at_10=1.0),
    )
    rows = map_index_file(folder / "images.faiss", spec)
    stored = (rows.codes * rows.scale + rows.offset).astype(np.float32)
    write_binary_codes_file(folder / "images.signs", stored.mean(axis=0), count, [stored[:5], stored[5:]])
    return spec


def both(folder: Path, spec: IndexSpec) -> list[BinaryCodeSearch]:
    return [
        BinaryCodeSearch(folder / "images.faiss", folder / "images.signs", spec, many=many) for many in (False, True)
    ]


class NoSearch:
    """Replaces the search of the whole index, to show that it is not used."""

    def nearest(self, *_: object) -> None:
        raise AssertionError("the whole index was searched")


def without_the_whole(search: BinaryCodeSearch, monkeypatch: pytest.MonkeyPatch) -> BinaryCodeSearch:
    monkeypatch.setattr(search, "_whole", NoSearch())
    return search


@pytest.mark.parametrize("kind", list(IndexKind))
@pytest.mark.parametrize("dim", [96, 128, 200])
def test_near_vectors_are_found_as_by_the_whole_index_with_the_same_scores(
    tmp_path: Path, kind: IndexKind, dim: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = clustered(COUNT, dim, seed=1)
    spec = write(tmp_path, kind, vectors, np.arange(COUNT, dtype=np.int64) * 3 + 7)
    queries = unit(vectors[::450] + 0.02 * np.random.default_rng(2).normal(size=(20, dim)))
    whole = MappedSearch(tmp_path / "images.faiss", spec).nearest(queries, 10)

    for search in both(tmp_path, spec):
        found = without_the_whole(search, monkeypatch).nearest(queries, 10)
        assert found.scores == pytest.approx(whole.scores, abs=2e-6)
        assert found.scores.dtype == np.float32
        apart = np.diff(whole.scores, axis=1) < -1e-5
        settled = np.ones(found.ids.shape, bool)  # a near-tie may fall either way
        settled[:, 1:] &= apart
        settled[:, :-1] &= apart
        settled[:, -1] = False
        assert settled.sum() > 150
        assert (found.ids == whole.ids)[settled].all()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dim=st.integers(1, 200),
    count=st.integers(2, 300),
    asked=st.integers(1, 300),
    repeats=st.integers(1, 5),
)
def test_numpy_and_faiss_make_the_same_shortlist_which_is_what_its_definition_says(
    seed: int, dim: int, count: int, asked: int, repeats: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = np.repeat(rng.normal(size=(count, dim)).astype(np.float32), repeats, axis=0)
    mean = vectors.mean(axis=0)
    codes = BinaryCodes(mean=mean, rows=binarise(vectors, mean))
    query = rng.normal(size=(1, dim)).astype(np.float32)
    asked = min(asked, len(vectors))

    distances = ((vectors > mean) != (query > mean)).sum(axis=1)
    expected = np.flatnonzero(distances < np.sort(distances)[asked - 1]).tolist()

    bits = binarise(query, mean)[0]
    assert NumpyHammingScan(codes).nearer(bits, asked).tolist() == expected
    assert FaissHammingScan(codes).nearer(bits, asked).tolist() == expected


def test_more_rows_than_a_chunk_and_than_faiss_counts_are_compared_alike() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(20_000, 70)).astype(np.float32)
    codes = BinaryCodes(mean=np.zeros(70, np.float32), rows=binarise(vectors, np.zeros(70, np.float32)))
    bits = codes.rows[12_345]

    for asked in (1, 400, 5_000, 20_000):
        by_numpy = NumpyHammingScan(codes).nearer(bits, asked).tolist()
        assert by_numpy == FaissHammingScan(codes).nearer(bits, asked).tolist()
        assert len(by_numpy) < asked
    assert 12_345 in by_numpy


@pytest.mark.parametrize("kind", list(IndexKind))
@pytest.mark.parametrize("dim", [20, 64, 130])
def test_equal_vectors_stay_together_and_are_ordered_by_id(
    tmp_path: Path, kind: IndexKind, dim: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 1,000 equal vectors in 40,000: more than the 400 first asked for, fewer than a twentieth.
    rng = np.random.default_rng(4)
    vectors = unit(
        np.concatenate([np.repeat(rng.normal(size=(1, dim)), 1_000, axis=0), rng.normal(size=(39_000, dim))])
    )
    order = rng.permutation(len(vectors))
    ids = rng.permutation(len(vectors)).astype(np.int64)
    spec = write(tmp_path, kind, np.ascontiguousarray(vectors[order]), ids)
    equal = np.sort(ids[order < 1_000])

    for search in both(tmp_path, spec):
        checked = without_the_whole(search, monkeypatch) if dim > 20 else search
        for k in (1, 7, 12):
            found = checked.nearest(vectors[:1], k)
            assert found.ids.tolist() == [equal[:k].tolist()]
            assert len(set(found.scores[0].tolist())) == 1


@pytest.mark.parametrize("kind", list(IndexKind))
def test_where_the_shortlist_would_be_everything_the_answer_is_the_whole_index_s(
    tmp_path: Path, kind: IndexKind
) -> None:
    vectors = clustered(COUNT, 32, seed=5)
    spec = write(tmp_path, kind, vectors, np.arange(COUNT, dtype=np.int64))
    queries = unit(np.random.default_rng(6).normal(size=(3, 32)))
    whole: list[VectorSearch] = [
        MappedSearch(tmp_path / "images.faiss", spec),
        FaissSearch(tmp_path / "images.faiss", spec),
    ]

    for search, truth in zip(both(tmp_path, spec), whole, strict=True):
        for k in (12, 500, COUNT, COUNT + 10):
            found, expected = search.nearest(queries, k), truth.nearest(queries, k)
            assert found.ids.tolist() == expected.ids.tolist()
            assert found.scores.tolist() == expected.scores.tolist()
    assert found.ids.shape == (3, COUNT)


def test_a_small_index_with_binary_codes_is_searched_whole(tmp_path: Path) -> None:
    vectors = clustered(300, 16, seed=7)
    spec = write(tmp_path, IndexKind.SQ8, vectors, np.arange(300, dtype=np.int64))
    whole = MappedSearch(tmp_path / "images.faiss", spec).nearest(vectors[:9], 5)

    for search in both(tmp_path, spec):
        assert search.nearest(vectors[:9], 5).scores == pytest.approx(whole.scores, abs=2e-6)


def test_queries_of_another_length_are_refused(tmp_path: Path) -> None:
    spec = write(tmp_path, IndexKind.SQ8, clustered(300, 16, seed=7), np.arange(300, dtype=np.int64))

    for search in both(tmp_path, spec):
        with pytest.raises(PackDamagedError, match="holds vectors of 16 numbers, the encoder makes 8"):
            search.nearest(np.ones((1, 8), np.float32), 1)


def test_a_shortlisted_vector_of_no_numbers_is_refused(tmp_path: Path) -> None:
    vectors = clustered(COUNT, 64, seed=8)
    spec = write(tmp_path, IndexKind.FLAT, vectors, np.arange(COUNT, dtype=np.int64))
    data = bytearray((tmp_path / "images.faiss").read_bytes())
    position = data.index(vectors[17].tobytes())
    data[position : position + 4] = np.float32("nan").tobytes()
    (tmp_path / "images.faiss").write_bytes(data)

    for search in both(tmp_path, spec):
        with pytest.raises(PackDamagedError, match="NaN or infinite values"):
            search.nearest(vectors[17:18], 3)


@given(seed=st.integers(0, 2**32 - 1), dim=st.integers(1, 150), counts=st.lists(st.integers(0, 20), min_size=1))
@settings(max_examples=30, deadline=None)
def test_a_binary_codes_file_is_read_back_whatever_pieces_it_came_in(
    tmp_path_factory: pytest.TempPathFactory, seed: int, dim: int, counts: list[int]
) -> None:
    count = sum(counts) + 1
    vectors = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    pieces = np.split(vectors, np.cumsum(counts))
    path = tmp_path_factory.mktemp("signs") / "s"
    write_binary_codes_file(path, vectors.mean(axis=0), count, pieces)
    spec = IndexSpec(file="i", kind=IndexKind.SQ8, dim=dim, count=count, embedded_with="x", most_images_per_reference=1)

    codes = map_binary_codes_file(path, spec)

    assert codes.mean.tolist() == vectors.mean(axis=0).tolist()
    unpacked = np.unpackbits(codes.rows, axis=1, bitorder="little")
    assert (unpacked[:, :dim] == (vectors > vectors.mean(axis=0))).all()
    assert not unpacked[:, dim:].any()
    with pytest.raises(PackDamagedError):
        map_binary_codes_file(path, replace(spec, count=count + 1))


def test_many_rows_at_the_distance_that_is_left_out_make_the_shortlist_longer(tmp_path: Path) -> None:
    # Twelve rows have the query's signs and point elsewhere; a thousand differ in one small number and are nearest.
    rng = np.random.default_rng(9)
    query = rng.normal(size=64)
    query[0] = 1e-3
    alike = np.abs(rng.normal(size=(12, 64))) ** 3 * np.sign(query)
    nearest = np.repeat(query[None], 1_000, axis=0)
    nearest[:, 0] = -1e-3
    vectors = unit(np.concatenate([alike, nearest, rng.normal(size=(39_000, 64))]))
    spec = write(tmp_path, IndexKind.FLAT, vectors, np.arange(len(vectors), dtype=np.int64))
    write_binary_codes_file(tmp_path / "images.signs", np.zeros(64, np.float32), len(vectors), [vectors])

    for search in both(tmp_path, spec):
        assert search.nearest(unit(query[None]), 10).ids.tolist() == [list(range(12, 22))]


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("kept", [3, 4_000])
def test_among_some_ids_nothing_is_lost_to_a_shortlist(tmp_path: Path, many: bool, kept: int) -> None:
    vectors = clustered(COUNT, 96, seed=1)
    ids = np.arange(COUNT, dtype=np.int64) * 3 + 7
    (tmp_path / "pack").mkdir()
    spec = write(tmp_path / "pack", IndexKind.SQ8, vectors, ids)
    query = vectors[:1]
    whole = MappedSearch(tmp_path / "pack/images.faiss", spec).nearest(query, COUNT)
    among = whole.ids[0, -kept:]  # the farthest of all: no shortlist of the whole holds them

    found = open_search(PackOf(tmp_path / "pack", spec), many=many, among=among).nearest(query, 3)  # type: ignore[arg-type]

    assert found.scores[0] == pytest.approx(whole.scores[0, -kept:][:3], abs=2e-6)
    assert set(found.ids[0].tolist()) <= set(among.tolist())


class PackOf:
    """The parts of a pack that a search needs."""

    def __init__(self, folder: Path, spec: IndexSpec) -> None:
        self._folder = folder
        self.manifest = SimpleNamespace(index=spec)

    def file(self, path: str) -> Path:
        return self._folder / path
