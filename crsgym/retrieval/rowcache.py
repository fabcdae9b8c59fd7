"""Rows of scores that are worked out once: what stays the same from turn to turn is not redone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np

from crsgym.types import FloatArray

K = TypeVar("K", bound=Hashable)


class RowCache(Generic[K]):
    """The rows of the most recently used keys, within a budget of memory.

    Args:
        compute: from keys to their rows, float32 (len(keys), width); a row depends on its key only.
        width: columns of a row.
        megabytes: what all rows together may take; at least one row is always kept.
    """

    def __init__(
        self, compute: Callable[[list[K]], FloatArray], width: int, *, megabytes: float = 256.0
    ) -> None:
        self._compute = compute
        self._width = width
        self._room = max(1, int(megabytes * 2**20 / (4 * width)))
        self._rows: OrderedDict[K, FloatArray] = OrderedDict()
        self._blank: FloatArray = np.zeros(width, dtype=np.float32)
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, keys: Sequence[K]) -> FloatArray:
        """The row of each key, float32 (B, width); missing ones are computed in one call."""
        found: list[FloatArray] = []
        missing: dict[K, list[int]] = {}
        with self._lock:
            for place, key in enumerate(keys):
                row = self._rows.get(key)
                if row is None:
                    missing.setdefault(key, []).append(place)
                    row = self._blank
                else:
                    self._rows.move_to_end(key)
                found.append(row)
        if not found:
            return np.empty((0, self._width), dtype=np.float32)
        out: FloatArray = np.concatenate(found).reshape(len(keys), self._width)
        if missing:
            fresh = self._compute(list(missing))
            with self._lock:
                for row, (key, places) in zip(fresh, missing.items(), strict=True):
                    out[places] = row
                    # A copy, or one row kept would keep the whole batch it was computed in.
                    self._rows[key] = row.copy()
                while len(self._rows) > self._room:
                    self._rows.popitem(last=False)
        return out

    def __getstate__(self) -> dict[str, Any]:
        """All but the rows, which are worked out again, and the lock, which cannot be copied."""
        return self.__dict__ | {"_rows": OrderedDict(), "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state | {"_lock": Lock()})


__all__ = ["RowCache"]
