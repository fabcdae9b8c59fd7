"""Rows of scores that are worked out once: what stays the same from turn to turn is not redone."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np

from crsgym.types import FloatArray

K = TypeVar("K", bound=Hashable)

_FIRST = 64
"""Rows that there is room for at first; it doubles as more are kept."""


class RowCache(Generic[K]):
    """The rows that were worked out last, within a budget of memory.

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
        self._places: dict[K, int] = {}
        self._keys: list[K] = []
        """By place."""
        self._next = 0
        """The place that is taken next: once there is no more room, that of the oldest row."""
        # All rows in one array: they are handed out, and put in, in one copy of many.
        self._rows: FloatArray = np.empty((min(_FIRST, self._room), self._width), dtype=np.float32)
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._places)

    def rows(self, keys: Sequence[K]) -> FloatArray:
        """The row of each key, float32 (B, width), to be changed freely.

        Missing ones are computed in one call.
        """
        with self._lock:
            found = list(map(self._places.get, keys))
            absent = [number for number, place in enumerate(found) if place is None]
            missing = list(dict.fromkeys(keys[number] for number in absent))
            all_new = len(missing) == len(keys) > 0
            places = [] if all_new else [place or 0 for place in found]
            out = self._rows.take(places, axis=0)
        if missing:
            fresh = np.asarray(self._compute(missing), dtype=np.float32)
            with self._lock:
                self._keep(missing[-self._room :], fresh[-self._room :])
            if all_new:
                return fresh
            order = dict(zip(missing, range(len(missing)), strict=True))
            out[absent] = fresh[[order[keys[number]] for number in absent]]
        return out

    def _keep(self, keys: Sequence[K], fresh: FloatArray) -> None:
        """Put rows in, where need be in place of the oldest."""
        places: list[int] = []
        for key in keys:
            place = self._places.get(key)
            if place is None:
                place, self._next = self._next, (self._next + 1) % self._room
                if place == len(self._keys):
                    self._keys.append(key)
                else:
                    del self._places[self._keys[place]]
                    self._keys[place] = key
                self._places[key] = place
            places.append(place)
        if (size := len(self._keys)) > len(self._rows):
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
