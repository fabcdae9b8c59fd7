"""Items of the training contexts that are most like a query: soft nearest neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from crsgym.retrieval.sparse import Arrays, flat, product, unflat
from crsgym.types import FloatArray, IntArray

if TYPE_CHECKING:
    from typing_extensions import Self

_SHRINKAGE = 3.0


@dataclass(frozen=True)
class Kernel:
    """How much a neighbour counts: ``exp(s * (cosine - c)) - exp(-s * c)``.

    ``s`` is the sharpness and ``c`` the centre. A neighbour at a right angle counts nothing.
    """

    sharpness: float
    centre: float

    def __call__(self, cosines: FloatArray) -> FloatArray:
        """Weights of the same shape."""
        floor = np.exp(-self.sharpness * self.centre)
        weights: FloatArray = np.exp(self.sharpness * (cosines - self.centre)) - floor
        return weights.astype(np.float32)


@dataclass(frozen=True)
class Neighbours:
    """Labelled texts of the training conversations, as unit vectors.

    A text of the conversation that a query was cut from never counts for it.
    """

    keys: Any
    """Unit rows, dense or CSR, (K, dim)."""
    labels: Any
    """Which items each key stands for, and how often: float32 CSR (K, items)."""
    owner: IntArray
    """The conversation each key comes from: int64 (K,)."""

    def scores(
        self, queries: Any, own: IntArray, kernel: Kernel, *, mean: bool = False
    ) -> FloatArray:
        """The summed weight of each item's keys, as ``log(1 + sum)``: float32 (B, items).

        Args:
            queries: unit rows, dense or CSR, (B, dim).
            own: the conversation each query was cut from, or -1: int64 (B,).
            kernel: weight of a key by its cosine with the query.
            mean: divide by the item's number of keys (plus 3, so that one key proves little): what
                the texts of an item say of it, whatever its popularity.
        """
        weights = kernel(product(queries, self.keys))
        others = own[:, None] != self.owner[None, :]
        weights *= others
        total = np.asarray((self._by_item @ weights.T).T, dtype=np.float32)
        if mean:
            known = own >= 0
            counts = np.tile(self._totals, (len(own), 1))
            if known.any():
                counts[known] = (self._by_item @ others[known].T.astype(np.float32)).T
            total = total / (counts + _SHRINKAGE)
        return np.asarray(np.log1p(np.maximum(total, 0.0)), dtype=np.float32)

    def arrays(self) -> Arrays:
        """Plain arrays to store."""
        return flat("keys", self.keys) | flat("labels", self.labels) | {"owner": self.owner}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Self:
        """What :meth:`arrays` took apart."""
        return cls(unflat("keys", arrays), unflat("labels", arrays), arrays["owner"])

    @cached_property
    def _by_item(self) -> Any:
        return self.labels.T.tocsr()

    @cached_property
    def _totals(self) -> FloatArray:
        return np.asarray(self.labels.sum(0), dtype=np.float32).ravel()


__all__ = ["Kernel", "Neighbours"]
