"""Nearest items by dot product: exact, or approximate with FAISS, behind one call.

The item vectors may be a memory map (:func:`open_vectors`), so a catalogue need not fit in memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal, Protocol, get_args

import msgspec
import numpy as np

from crsgym.errors import ArtifactError, ConfigurationError
from crsgym.options import Seed, read_options
from crsgym.retrieval.topk import top_k
from crsgym.types import FloatArray, IntArray

IndexKind = Literal["exact", "flat", "hnsw", "ivf"]

_BLOCK_BYTES = 16 * 2**20
_SPARE = 16
"""Items beyond k that are compared again in double precision."""


class Index(Protocol):
    """Finds the items whose vectors have the largest dot product with a query."""

    size: int
    dim: int

    def search(self, queries: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
        """The best items of each query.

        Args:
            queries: float32 (B, dim).
            k: from 1 to ``size``.

        Returns:
            Item numbers, int64 (B, k), best first, equal scores by ascending number; and their
            scores, float32 (B, k). An approximate index may miss items; where it finds fewer than
            ``k``, the number is -1 and the score minus infinity.
        """
        ...


def build_index(
    vectors: FloatArray, kind: IndexKind = "exact", options: Mapping[str, Any] | None = None
) -> Index:
    """An index over item vectors.

    Args:
        vectors: float32 (n, dim), C-contiguous; may be a memory map.
        kind: ``"exact"`` (NumPy), or FAISS's ``"flat"``, ``"hnsw"`` and ``"ivf"``.
        options: keywords of :class:`ExactIndex` or of :class:`FaissIndex`.

    Raises:
        ConfigurationError: an unknown kind or option, or FAISS is not installed.
    """
    if kind not in get_args(IndexKind):
        raise ConfigurationError(f"index: expected one of {get_args(IndexKind)}, got {kind!r}")
    if kind == "exact":
        return ExactIndex(vectors, **read_options("index 'exact'", ExactIndex, options or {}))
    read = read_options(f"index {kind!r}", FaissIndex, options or {})
    return FaissIndex(vectors, **{**read, "kind": kind})


class ExactIndex:
    """Exact search by one pass over the vectors, in blocks that the processor's cache holds.

    Each block is scored by a matrix product, and only items above the ``k`` best so far are kept,
    so the whole costs little more than reading the vectors once. The best are compared again in
    double precision: a row does not depend on the batch it is in.

    Args:
        vectors: float32 (n, dim), C-contiguous; may be a memory map.
        threads: how many share the work; all processors when None.
    """

    def __init__(self, vectors: FloatArray, *, threads: int | None = None) -> None:
        self._vectors = _checked(vectors)
        self.size, self.dim = vectors.shape
        if threads is not None and threads < 1:
            raise ConfigurationError(f"threads: expected a positive number, got {threads}")
        self._threads = threads or os.cpu_count() or 1

    def search(self, queries: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
        """See :meth:`Index.search`; exact."""
        queries = _asked(self, queries, k)
        keep = min(k + _SPARE, self.size)
        rows = max(keep, _BLOCK_BYTES // (4 * self.dim))
        starts = range(0, self.size, rows)
        shards = min(self._threads, len(starts))
        # Threads of ours, one a shard, and none of the BLAS library's: those would wait for each
        # other after every block, and for a long time on a busy machine.
        with _SINGLE_THREADED:
            if shards < 2:
                found = [self._scan(queries, keep, rows, starts)]
            else:
                cuts = np.linspace(0, len(starts), shards + 1).astype(int)
                parts = [starts[a:b] for a, b in pairwise(cuts.tolist())]
                with ThreadPoolExecutor(shards) as pool:
                    found = list(pool.map(partial(self._scan, queries, keep, rows), parts))
        items = np.concatenate(found, axis=1)
        return _ordered(self._vectors, queries, items, k)

    def _scan(self, queries: FloatArray, keep: int, rows: int, starts: Iterable[int]) -> IntArray:
        """The ``keep`` best items of some blocks: int64 (B, keep or fewer)."""
        items: IntArray = np.zeros((len(queries), 0), dtype=np.int64)
        best: FloatArray = np.zeros((len(queries), 0), dtype=np.float32)
        for start in starts:
            block = self._vectors[start : start + rows]
            scores = queries @ block.T
            items, best = _merge(items, best, scores, start, keep)
        return items


class FaissIndex:
    """FAISS over inner products: exact ``flat``, graph ``hnsw``, or cells ``ivf``.

    Args:
        vectors: float32 (n, dim), C-contiguous.
        kind: ``"flat"``, ``"hnsw"`` (Malkov and Yashunin, 2016) or ``"ivf"`` (Sivic and Zisserman,
            2003).
        links: hnsw: neighbours of a node.
        effort: hnsw: candidates kept while searching (and while building, twice that); ivf: cells
            looked into.
        cells: ivf: how many cells; ``4 sqrt(n)`` when None.
        seed: ivf: of the clustering.
    """

    def __init__(
        self,
        vectors: FloatArray,
        *,
        kind: Literal["flat", "hnsw", "ivf"] = "flat",
        links: Annotated[int, msgspec.Meta(ge=2)] = 32,
        effort: Annotated[int, msgspec.Meta(ge=1)] = 64,
        cells: Annotated[int, msgspec.Meta(ge=1)] | None = None,
        seed: Seed = 0,
    ) -> None:
        try:
            import faiss
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"index {kind!r} needs FAISS: pip install 'crsgym[faiss]'; 'exact' needs nothing"
            ) from error
        vectors = _checked(vectors)
        self.size, self.dim = vectors.shape
        inner = faiss.METRIC_INNER_PRODUCT
        if kind == "flat":
            self._index: Any = faiss.IndexFlatIP(self.dim)
        elif kind == "hnsw":
            self._index = faiss.IndexHNSWFlat(self.dim, links, inner)
            self._index.hnsw.efConstruction = 2 * effort
            self._index.hnsw.efSearch = effort
        else:
            cells = cells or max(1, min(round(4 * self.size**0.5), self.size // 40))
            self._index = faiss.index_factory(self.dim, f"IVF{cells},Flat", inner)
            self._index.cp.seed = seed
            self._index.train(vectors)
            self._index.nprobe = min(effort, cells)
        self._index.add(vectors)

    def search(self, queries: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
        """See :meth:`Index.search`; ``flat`` is exact, the others may miss items."""
        queries = _asked(self, queries, k)
        scores, items = self._index.search(queries, k)
        missing = items < 0
        scores[missing] = -np.inf
        order = np.lexsort((items, -scores), axis=1)
        return (
            np.take_along_axis(items, order, axis=1).astype(np.int64),
            np.take_along_axis(scores, order, axis=1),
        )


def save_vectors(
    path: str | os.PathLike[str], blocks: Iterable[FloatArray], shape: tuple[int, int]
) -> Path:
    """Write item vectors block by block as ``.npy``; the file appears when it is whole.

    Args:
        path: ends in ``.npy``.
        blocks: float32 (rows, dim) each, ``shape[0]`` rows in all.
        shape: ``(n, dim)``.

    Raises:
        ConfigurationError: when the blocks do not add up to the shape.
    """
    target = Path(path)
    beside = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        out = np.lib.format.open_memmap(beside, mode="w+", dtype=np.float32, shape=shape)  # type: ignore[no-untyped-call]
        start = 0
        for block in blocks:
            if block.shape[1:] != shape[1:] or start + len(block) > shape[0]:
                raise ConfigurationError(
                    f"vectors: expected blocks that add up to {shape}; "
                    f"got one of {block.shape} after {start} rows"
                )
            out[start : start + len(block)] = block
            start += len(block)
        if start != shape[0]:
            raise ConfigurationError(f"vectors: expected {shape[0]} rows, got {start}")
        out.flush()
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return target


def open_vectors(path: str | os.PathLike[str]) -> FloatArray:
    """Item vectors as a read-only memory map, float32 (n, dim).

    Raises:
        ArtifactError: when the file is absent, damaged or holds something else.
    """
    try:
        vectors: FloatArray = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise ArtifactError(f"{path} holds no item vectors: {error}") from error
    if vectors.dtype != np.float32 or vectors.ndim != 2:
        raise ArtifactError(
            f"{path}: expected float32 of two dimensions, got {vectors.dtype} {vectors.shape}"
        )
    return vectors


class _SingleThreadedBlas:
    """Holds NumPy's BLAS library to one thread while any search runs, whoever else is searching."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._library: Any = None
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._library is None:
                from threadpoolctl import ThreadpoolController

                self._library = ThreadpoolController().select(user_api="blas")
            if not self._inside:
                self._limit = self._library.limit(limits=1)
            self._inside += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._limit.restore_original_limits()


_SINGLE_THREADED = _SingleThreadedBlas()


def _merge(
    items: IntArray, best: FloatArray, scores: FloatArray, start: int, keep: int
) -> tuple[IntArray, FloatArray]:
    """The ``keep`` best of those so far and of one block's scores; ties by ascending number.

    Args:
        items: the best so far, int64 (B, m); of equal ones the lower number first.
        best: their scores.
        scores: of the items from ``start`` on, which come after all of those: float32 (B, block).
        start: number of the block's first item.
        keep: how many to keep.
    """
    if best.shape[1] < keep:
        best = np.concatenate([best, scores], axis=1)
        block = np.arange(start, start + scores.shape[1], dtype=np.int64)
        items = np.concatenate([items, np.broadcast_to(block, scores.shape)], axis=1)
    else:
        bar = best.min(axis=1, keepdims=True)
        row, column = np.nonzero(scores > bar)
        if not len(row):
            return items, best
        # The newcomers side by side, each row filled up with entries that never win.
        counts = np.bincount(row, minlength=len(scores))
        place = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        wide = best.shape[1] + int(counts.max())
        both = np.full((len(scores), wide), -np.inf, dtype=np.float32)
        numbers = np.zeros((len(scores), wide), dtype=np.int64)
        both[:, : best.shape[1]], numbers[:, : best.shape[1]] = best, items
        both[row, best.shape[1] + place] = scores[row, column]
        numbers[row, best.shape[1] + place] = start + column
        best, items = both, numbers
    if best.shape[1] > keep:
        top = top_k(best, keep)
        best = np.take_along_axis(best, top, axis=1)
        items = np.take_along_axis(items, top, axis=1)
    return items, best


def _ordered(
    vectors: FloatArray, queries: FloatArray, items: IntArray, k: int
) -> tuple[IntArray, FloatArray]:
    """The ``k`` best of some items (B, m) by scores in double precision, ties by number."""
    near = vectors[items].astype(np.float64)
    scores = np.einsum("bd,bmd->bm", queries.astype(np.float64), near)
    order = np.lexsort((items, -scores), axis=1)[:, :k]
    chosen = np.take_along_axis(scores, order, axis=1)
    return np.take_along_axis(items, order, axis=1), chosen.astype(np.float32)


def _checked(vectors: FloatArray) -> FloatArray:
    if vectors.ndim != 2 or vectors.dtype != np.float32 or not len(vectors):
        raise ConfigurationError(
            f"vectors: expected float32 (n, dim), got {vectors.dtype} {vectors.shape}"
        )
    return vectors


def _asked(index: Index, queries: FloatArray, k: int) -> FloatArray:
    if queries.ndim != 2 or queries.shape[1] != index.dim:
        raise ConfigurationError(f"queries: expected (B, {index.dim}), got {queries.shape}")
    if not 1 <= k <= index.size:
        raise ConfigurationError(f"k: expected 1 to {index.size} (the number of items), got {k}")
    return np.ascontiguousarray(queries, dtype=np.float32)


__all__ = [
    "ExactIndex",
    "FaissIndex",
    "Index",
    "IndexKind",
    "build_index",
    "open_vectors",
    "save_vectors",
]
