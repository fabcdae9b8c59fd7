"""The best ``k`` of each row, with ties in a fixed order."""

from __future__ import annotations

import numpy as np

from crsgym.errors import ConfigurationError
from crsgym.types import FloatArray, IntArray


def top_k(scores: FloatArray, k: int) -> IntArray:
    """Columns of the ``k`` largest entries of each row, best first; int64, shape (B, k).

    Among equal scores the lower column comes first, so the order never depends on the sorting
    algorithm or on the other rows.

    Args:
        scores: float array (B, n) without NaN.
        k: from 1 to n.

    Raises:
        ConfigurationError: when ``k`` is out of range.
    """
    rows, n = scores.shape
    if not 1 <= k <= n:
        raise ConfigurationError(f"k: expected 1 to {n} (the number of items), got {k}")
    cut = np.partition(scores, n - k, axis=1)[:, n - k, None]
    kept = scores >= cut
    places = np.flatnonzero(kept)
    if len(places) > rows * k:
        crowded = np.flatnonzero(np.count_nonzero(kept, axis=1) > k)
        at_cut = scores[crowded] == cut[crowded]
        room = k - np.count_nonzero(scores[crowded] > cut[crowded], axis=1)[:, None]
        kept[crowded] &= ~at_cut | (np.cumsum(at_cut, axis=1) <= room)
        places = np.flatnonzero(kept)
    best = scores.ravel()[places].reshape(rows, k)
    order = np.argsort(-best, axis=1, kind="stable")
    order += np.arange(0, rows * k, k)[:, None]
    columns: IntArray = places % n
    return columns[order]


__all__ = ["top_k"]
