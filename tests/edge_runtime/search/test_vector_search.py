"""Searches by numpy and by FAISS return the same neighbours."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import faiss
import numpy as np
import pytest

from drawn_vectors import faiss_index
from edge_identify.edge_runtime.pack.manifest import IndexKind, IndexSpec
from edge_identify.edge_runtime.search.vector_search import FaissSearch, MappedSearch, nearest_of_views


def unit_vectors(count: int, dim: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def write(path: Path, kind: IndexKind, vectors: np.ndarray, ids: np.ndarray) -> IndexSpec:
    count, dim = vectors.shape
    faiss.write_index(faiss_index(kind, vectors, ids), str(path))
    return IndexSpec(file=path.name, kind=kind, dim=dim, count=count, embedded_with="x", most_images_per_reference=1)


@pytest.mark.parametrize("kind", list(IndexKind))
@pytest.mark.parametrize(("count", "dim"), [(1, 4), (300, 16), (20_000, 32)])
def test_both_ways_find_the_same_vectors_with_the_same_scores(
    tmp_path: Path, kind: IndexKind, count: int, dim: int
) -> None:
    vectors = unit_vectors(count, dim, seed=1)
    ids = np.arange(count, dtype=np.int64) * 3 + 7
    spec = write(tmp_path / "index.faiss", kind, vectors, ids)
    queries = unit_vectors(9, dim, seed=2)

    mapped = MappedSearch(tmp_path / "index.faiss", spec).nearest(queries, 10)
    by_faiss = FaissSearch(tmp_path / "index.faiss", spec).nearest(queries, 10)

    assert mapped.scores == pytest.approx(by_faiss.scores, abs=2e-6)
    assert mapped.ids.shape == (9, min(10, count))
    for ours, theirs, scores in zip(mapped.ids, by_faiss.ids, mapped.scores, strict=True):
        if np.diff(scores).size == 0 or np.abs(np.diff(scores)).min() > 1e-5:  # no near-ties: the order is settled
            assert ours.tolist() == theirs.tolist()
        assert len(set(ours.tolist()) & set(theirs.tolist())) >= len(ours) - 1


def test_the_scores_of_a_flat_index_are_the_cosines(tmp_path: Path) -> None:
    vectors = unit_vectors(50, 8, seed=4)
    spec = write(tmp_path / "index.faiss", IndexKind.FLAT, vectors, np.arange(50, dtype=np.int64))

    found = MappedSearch(tmp_path / "index.faiss", spec).nearest(vectors[:5], 1)

    assert found.ids[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert found.scores[:, 0] == pytest.approx(np.ones(5), abs=1e-6)


@pytest.mark.parametrize("search", [MappedSearch, FaissSearch])
def test_equal_scores_are_ordered_by_id(tmp_path: Path, search: type[MappedSearch] | type[FaissSearch]) -> None:
    vectors = np.repeat(unit_vectors(1, 8, seed=5), 6, axis=0)
    spec = write(tmp_path / "index.faiss", IndexKind.FLAT, vectors, np.array([9, 4, 8, 1, 7, 2], dtype=np.int64))

    found = search(tmp_path / "index.faiss", spec)

    for k in range(1, 7):
        assert found.nearest(vectors[:1], k).ids.tolist() == [[1, 2, 4, 7, 8, 9][:k]]


@pytest.mark.parametrize("kind", list(IndexKind))
def test_duplicates_at_the_cut_are_chosen_alike_both_ways(tmp_path: Path, kind: IndexKind) -> None:
    vectors = np.concatenate([unit_vectors(300, 8, seed=6), np.repeat(unit_vectors(20, 8, seed=7), 10, axis=0)])
    ids = np.random.default_rng(8).permutation(500).astype(np.int64)
    spec = write(tmp_path / "index.faiss", kind, vectors, ids)
    queries = vectors[300::10]

    mapped = MappedSearch(tmp_path / "index.faiss", spec)
    by_faiss = FaissSearch(tmp_path / "index.faiss", spec)

    for k in (1, 3, 9):  # each query's ten duplicates tie, so every cut falls among them
        assert mapped.nearest(queries, k).ids.tolist() == by_faiss.nearest(queries, k).ids.tolist()


@pytest.mark.parametrize("kind", list(IndexKind))
@pytest.mark.parametrize("search", [MappedSearch, FaissSearch])
@pytest.mark.parametrize("kept", [1, 7, 500, 19_000])
def test_a_search_among_some_ids_is_brute_force_among_them(
    tmp_path: Path, kind: IndexKind, search: type[MappedSearch] | type[FaissSearch], kept: int
) -> None:
    vectors = unit_vectors(20_000, 16, seed=11)
    vectors[100:140] = vectors[100]  # ties, at the cut too
    ids = np.random.default_rng(12).permutation(20_000).astype(np.int64)
    spec = write(tmp_path / "index.faiss", kind, vectors, ids)
    among = np.random.default_rng(13).choice(ids, kept, replace=False)
    queries = np.concatenate([unit_vectors(5, 16, seed=14), vectors[100:101]])
    whole = MappedSearch(tmp_path / "index.faiss", spec).nearest(queries, 20_000)

    for k in (1, 5, 30):
        found = search(tmp_path / "index.faiss", spec, among=among).nearest(queries, k)
        assert found.ids.shape == (6, min(k, kept))
        for ours, scores, every, their_scores in zip(found.ids, found.scores, whole.ids, whole.scores, strict=True):
            passing = np.isin(every, among)
            assert scores == pytest.approx(their_scores[passing][:k], abs=2e-6)
            settled = np.abs(np.diff(their_scores[passing][: k + 1])) > 1e-5
            if settled.all():
                assert ours.tolist() == every[passing][:k].tolist()
            assert set(ours.tolist()) <= set(among.tolist())


@pytest.mark.parametrize("search", [MappedSearch, FaissSearch])
@pytest.mark.parametrize("k", [1, 7, 40, 60])
def test_a_vector_counts_by_its_best_view(
    tmp_path: Path, search: type[MappedSearch] | type[FaissSearch], k: int
) -> None:
    vectors = unit_vectors(40, 8, seed=6)
    ids = np.random.default_rng(7).permutation(40).astype(np.int64)
    spec = write(tmp_path / "index.faiss", IndexKind.FLAT, vectors, ids)
    views = unit_vectors(15, 8, seed=8).reshape(5, 3, 8)

    found = nearest_of_views(search(tmp_path / "index.faiss", spec), views, k)

    best = (views @ vectors.T).max(axis=1)
    order = np.argsort(-best, axis=1)[:, :k]
    assert found.ids.tolist() == ids[order].tolist()
    assert found.scores == pytest.approx(np.take_along_axis(best, order, axis=1), abs=1e-6)


def test_equal_scores_of_several_views_are_ordered_by_id(tmp_path: Path) -> None:
    vector = unit_vectors(1, 8, seed=5)
    ids = np.array([9, 4, 8, 1], dtype=np.int64)
    spec = write(tmp_path / "index.faiss", IndexKind.FLAT, np.repeat(vector, 4, axis=0), ids)

    found = nearest_of_views(MappedSearch(tmp_path / "index.faiss", spec), np.repeat(vector[None], 3, axis=1), 3)

    assert found.ids.tolist() == [[1, 4, 8]]


def test_threads_make_parameters_one_after_the_other_so_that_the_selector_keeps_an_owner_that_frees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = unit_vectors(5, 4, seed=1)
    spec = write(tmp_path / "index.faiss", IndexKind.FLAT, vectors, np.arange(5, dtype=np.int64))
    search = FaissSearch(tmp_path / "index.faiss", spec, among=np.array([1, 3]))
    make, making, met = faiss.SearchParameters, Lock(), []

    def make_slowly(**fields: object) -> faiss.SearchParameters:
        is_alone = making.acquire(blocking=False)
        met.append(not is_alone)
        time.sleep(0.01)  # long enough for the others to come
        if is_alone:
            making.release()
        return make(**fields)

    monkeypatch.setattr(faiss, "SearchParameters", make_slowly)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: search.nearest(vectors[:1], 1).ids.item(), range(8)))
    assert set(found) <= {1, 3}
    assert len(met) >= 8
    assert not any(met)
    assert search._selector is not None
    assert search._selector.thisown  # type: ignore[attr-defined]  # of SWIG, which the types of faiss leave out
