"""Rows of scores that are worked out once: what stays the same from turn to turn is not redone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np

from crsgym.types import FloatArray

K = TypeVar("K", bound=Hashable)

_FIRST = 64
"""Rows that there is room for at first; it doubles as more are kept."""


class RowCache(Generic[K]):
    """The rows of the most recently used keys, within a budget of memory.

    Args:
        compute: from keys to their rows, a new array (len(keys), width), that is handed on in
            float32; a row depends on its key only.
        width: columns of a row.
        megabytes: what all rows together may take; at least one row is always kept.
    """

    def __init__(
        self, compute: Callable[[list[K]], FloatArray], width: int, *, megabytes: float = 256.0
    ) -> None:
        self._compute = compute
        self._width = width
        self._room = max(1, int(megabytes * 2**20 / (4 * width)))
        self._forget()

    def _forget(self) -> None:
        self._places: OrderedDict[K, int] = OrderedDict()
        # All rows in one array: they are handed out, and put in, in one copy of many.
        self._rows: FloatArray = np.empty((min(_FIRST, self._room), self._width), dtype=np.float32)
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._places)

    def rows(self, keys: Sequence[K]) -> FloatArray:
        """The row of each key, float32 (B, width), to be changed freely.

        Missing ones are computed in one call.
        """
        found: list[int] = []
        missing: dict[K, int] = {}
        absent: list[int] = []
        with self._lock:
            for number, key in enumerate(keys):
                place = self._places.get(key)
                if place is None:
                    missing.setdefault(key, len(missing))
                    absent.append(number)
                    place = 0
                else:
                    self._places.move_to_end(key)
                found.append(place)
            all_new = len(missing) == len(keys) > 0
            out = self._rows[:0] if all_new else self._rows.take(found, axis=0)
        if missing:
            fresh = np.asarray(self._compute(list(missing)), dtype=np.float32)
            with self._lock:
                self._keep(list(missing)[-self._room :], fresh[-self._room :])
            if all_new:
                return fresh
            out[absent] = fresh.take([missing[keys[number]] for number in absent], axis=0)
        return out

    def _keep(self, keys: Sequence[K], fresh: FloatArray) -> None:
        """Put rows in, where need be in place of those that were not used for longest."""
        places: list[int] = []
        for key in keys:
            place = self._places.pop(key, None)
            if place is None:
                full = len(self._places) == self._room
                place = self._places.popitem(last=False)[1] if full else len(self._places)
            self._places[key] = place
            places.append(place)
        if (size := len(self._places)) > len(self._rows):
            grown = np.empty((min(2 * size, self._room), self._width), dtype=np.float32)
            grown[: len(self._rows)] = self._rows
            self._rows = grown
        self._rows[places] = fresh

    def __getstate__(self) -> dict[str, Any]:
        """All but the rows, which are worked out again, and the lock, which cannot be copied."""
        return {name: self.__dict__[name] for name in ("_compute", "_width", "_room")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()


__all__ = ["RowCache"]
