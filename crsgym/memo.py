"""What was worked out before, by what it was worked out of."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memo(Generic[K, V]):
    """A function that remembers, within bounds.

    Made for dialogues: the conversations that are played share one tuple from turn to turn, so it
    is found by identity, and hashed, which takes longer than many a use, only the first time. An
    equal one is found all the same. A copy or a pickle has forgotten everything.

    Args:
        compute: the value of a key, not None; it depends on the key only.
        size: keys after which everything is forgotten.
    """

    def __init__(self, compute: Callable[[K], V], size: int) -> None:
        self._compute = compute
        self._size = size
        self._seen: dict[int, tuple[K, V]] = {}
        self._values: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __call__(self, key: K) -> V:
        """The value of a key."""
        # The key is kept beside its value, so no other object can have its id meanwhile.
        seen = self._seen.get(id(key))
        if seen is not None and seen[0] is key:
            return seen[1]
        value = self._values.get(key)
        if value is None:
            value = self._compute(key)
            if len(self._values) >= self._size:
                self._values.clear()
            self._values[key] = value
        if len(self._seen) >= self._size:
            self._seen.clear()
        self._seen[id(key)] = key, value
        return value

    def __getstate__(self) -> dict[str, Any]:
        return {"_compute": self._compute, "_size": self._size, "_seen": {}, "_values": {}}


class Table(dict[K, V]):
    """A function of words that is worked out once for each: a look-up is that of a ``dict``.

    Args:
        compute: the value of a key; it depends on the key only.
        size: keys after which everything is forgotten.
    """

    def __init__(self, compute: Callable[[K], V], size: int) -> None:
        super().__init__()
        self._compute = compute
        self._size = size

    def __missing__(self, key: K) -> V:
        if len(self) >= self._size:
            self.clear()
        value = self[key] = self._compute(key)
        return value


__all__ = ["Memo", "Table"]
