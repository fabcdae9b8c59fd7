"""Search by dot product: exact against brute force, approximate against exact, vectors on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsgym.errors import ArtifactError, ConfigurationError
from crsgym.retrieval import index as module
from crsgym.retrieval.index import (
    ExactIndex,
    FaissIndex,
    build_index,
    open_vectors,
    save_vectors,
)


def brute(vectors: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    scores = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def gaussian(n: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim), dtype=np.float32)


@given(
    n=st.integers(1, 300),
    dim=st.integers(1, 5),
    batch=st.integers(0, 4),
    levels=st.integers(1, 4),
    threads=st.integers(1, 3),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_exact_is_brute_force_even_with_many_ties(
    n: int, dim: int, batch: int, levels: int, threads: int, seed: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.integers(0, levels, (n, dim)).astype(np.float32)
    queries = rng.integers(-1, 2, (batch, dim)).astype(np.float32)
    k = data.draw(st.integers(1, n))
    with pytest.MonkeyPatch.context() as patch:
        # Blocks of a few rows, so that small data go through many of them.
        patch.setattr(module, "_BLOCK_BYTES", 4 * dim * data.draw(st.integers(1, 40)))
        items, scores = ExactIndex(vectors, threads=threads).search(queries, k)
    expected = brute(vectors, queries, k)
    assert np.array_equal(items, expected)
    assert np.array_equal(scores, np.take_along_axis(queries @ vectors.T, expected, axis=1))


def test_exact_finds_the_same_alone_as_in_a_batch() -> None:
    vectors, queries = gaussian(30_000), gaussian(64, seed=1)
    index = ExactIndex(vectors)
    items, scores = index.search(queries, 20)
    assert items.dtype == np.int64
    assert scores.dtype == np.float32
    assert np.array_equal(items, brute(vectors, queries, 20))
    for row in range(0, 64, 9):
        alone_items, alone_scores = index.search(queries[row : row + 1], 20)
        assert np.array_equal(alone_items[0], items[row])
        assert np.array_equal(alone_scores[0], scores[row])


def test_equal_items_come_by_number() -> None:
    vectors = np.ones((7, 3), dtype=np.float32)
    assert build_index(vectors).search(vectors[:1], 7)[0].tolist() == [[0, 1, 2, 3, 4, 5, 6]]


@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf"])
def test_faiss_agrees_with_exact(kind: str) -> None:
    pytest.importorskip("faiss", reason="needs the extra `faiss`")
    rng = np.random.default_rng(2)
    centres = rng.standard_normal((20, 16))
    vectors = (centres[rng.integers(20, size=4000)] + rng.normal(0, 0.3, (4000, 16))).astype("f4")
    queries = vectors[::400].copy()
    exact, best = ExactIndex(vectors).search(queries, 10)
    index = build_index(vectors, kind)  # type: ignore[arg-type]
    items, scores = index.search(queries, 10)
    assert items.dtype == np.int64
    found = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact, items, strict=True)])
    assert found == 1.0 if kind == "flat" else found >= 0.9
    assert np.all(np.diff(scores, axis=1) <= 0)
    assert np.all(scores[:, 0] <= best[:, 0] + 1e-4)


def test_faiss_says_where_it_found_too_few() -> None:
    pytest.importorskip("faiss", reason="needs the extra `faiss`")
    vectors = gaussian(400)
    items, scores = FaissIndex(vectors, kind="ivf", cells=40, effort=1).search(vectors[:5], 100)
    assert (items == -1).any()
    assert np.all(np.isneginf(scores) == (items == -1))
    assert np.all(np.diff(scores[np.isfinite(scores).all(axis=1)], axis=1) <= 0)


def test_vectors_go_to_disk_in_blocks_and_are_mapped(tmp_path: Path) -> None:
    vectors = gaussian(1000)
    path = save_vectors(tmp_path / "items.npy", np.split(vectors, [10, 500]), vectors.shape)
    mapped = open_vectors(path)
    assert isinstance(mapped, np.memmap)
    assert np.array_equal(mapped, vectors)
    items, _ = ExactIndex(mapped).search(vectors[:3], 5)
    assert np.array_equal(items, brute(vectors, vectors[:3], 5))
    assert [file.name for file in tmp_path.iterdir()] == ["items.npy"]


def test_vectors_of_the_wrong_number_leave_nothing_behind(tmp_path: Path) -> None:
    for rows in (9, 11):
        with pytest.raises(ConfigurationError, match=r"rows|add up"):
            save_vectors(tmp_path / "items.npy", [gaussian(rows)], (10, 16))
    assert list(tmp_path.iterdir()) == []


def test_damaged_vectors_are_refused(tmp_path: Path) -> None:
    path = save_vectors(tmp_path / "items.npy", [gaussian(100)], (100, 16))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ArtifactError, match="no item vectors"):
        open_vectors(path)
    np.save(path, np.zeros(3))
    with pytest.raises(ArtifactError, match="expected float32"):
        open_vectors(path)
    with pytest.raises(ArtifactError, match="no item vectors"):
        open_vectors(tmp_path / "absent.npy")


def test_wrong_settings_stop_early() -> None:
    vectors = gaussian(10)
    with pytest.raises(ConfigurationError, match="expected one of"):
        build_index(vectors, "tree")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="thread"):
        build_index(vectors, options={"thread": 1})
    with pytest.raises(ConfigurationError, match="threads"):
        ExactIndex(vectors, threads=0)
    with pytest.raises(ConfigurationError, match="float32"):
        ExactIndex(vectors.astype(np.float64))
    with pytest.raises(ConfigurationError, match="1 to 10"):
        ExactIndex(vectors).search(vectors, 11)
    with pytest.raises(ConfigurationError, match=r"\(B, 16\)"):
        ExactIndex(vectors).search(vectors[:, :3], 1)
