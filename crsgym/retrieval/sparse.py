"""Sparse matrices: from pairs, and to and from plain arrays for storing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from crsgym.types import FloatArray, IntArray

Arrays = dict[str, np.ndarray[Any, Any]]


def from_pairs(pairs: Iterable[tuple[int, int]], shape: tuple[int, int]) -> Any:
    """How often each (row, column) occurs: a float32 ``csr_matrix``."""
    from scipy.sparse import csr_matrix

    cells: IntArray = np.array(list(pairs), dtype=np.int64).reshape(-1, 2)
    ones = np.ones(len(cells), dtype=np.float32)
    return csr_matrix((ones, (cells[:, 0], cells[:, 1])), shape=shape)


def dense_sums(
    matrix: Any, width: int, weights: FloatArray | None = None, ends: Sequence[int] | None = None
) -> FloatArray:
    """Weighted sums of groups of rows of a CSR matrix, its blocks of columns added up as well.

    All is added where it is sparse: dense, the rows of a batch are more than a cache holds.

    Args:
        matrix: (rows, n x width).
        width: columns of a block.
        weights: what each row counts, float32 (rows,); 1 by default.
        ends: 0, and where each group of rows ends; every row is a group by default.

    Returns:
        Float32 (groups, width), dense.
    """
    from scipy.sparse import csr_matrix

    data, indptr = matrix.data, matrix.indptr
    if weights is not None:
        data = data * np.repeat(weights, np.diff(indptr))
    if ends is not None:
        indptr = indptr[np.asarray(ends)]
    shape = len(indptr) - 1, width
    sums: FloatArray = csr_matrix((data, matrix.indices % width, indptr), shape).toarray()
    return sums


def flat(name: str, matrix: Any) -> Arrays:
    """A CSR matrix as four arrays, or a dense one as itself, named ``name`` or ``name.<part>``."""
    if isinstance(matrix, np.ndarray):
        return {name: matrix}
    return {
        f"{name}.data": matrix.data,
        f"{name}.indices": matrix.indices,
        f"{name}.indptr": matrix.indptr,
        f"{name}.shape": np.array(matrix.shape, dtype=np.int64),
    }


def unflat(name: str, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Any:
    """The matrix that :func:`flat` took apart.

    Raises:
        KeyError: when an array of it is missing.
    """
    if name in arrays:
        return arrays[name]
    from scipy.sparse import csr_matrix

    data, indices, indptr = (arrays[f"{name}.{part}"] for part in ("data", "indices", "indptr"))
    return csr_matrix((data, indices, indptr), shape=tuple(arrays[f"{name}.shape"].tolist()))


def under(part: str, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Arrays:
    """The arrays whose names begin with ``part/``, without that."""
    lead = f"{part}/"
    return {name.removeprefix(lead): a for name, a in arrays.items() if name.startswith(lead)}


def product(left: Any, right: Any) -> FloatArray:
    """All dot products of the rows of two matrices, each dense or sparse: float32, dense.

    Dense ones are multiplied in double precision, so that a row is the same in any batch.
    """
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return (left.astype(np.float64) @ right.T.astype(np.float64)).astype(np.float32)
    found = left @ right.T
    return np.asarray(found if isinstance(found, np.ndarray) else found.toarray(), dtype=np.float32)


__all__ = ["Arrays", "dense_sums", "flat", "from_pairs", "product", "under", "unflat"]
