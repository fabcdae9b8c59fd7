"""The retriever that knows nothing of the conversation: what was recommended most in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from crsgym.data.dataset import Dataset
from crsgym.retrieval.topk import top_k
from crsgym.types import Context, FloatArray, IntArray

if TYPE_CHECKING:
    from typing_extensions import Self


class PopularityRetriever:
    """Items by how often they are a training scenario's target; ties by ascending index.

    Args:
        counts: how often each item is a target, shape (n_items,).
    """

    def __init__(self, counts: IntArray) -> None:
        self._scores: FloatArray = counts.astype(np.float32)

    @classmethod
    def fit(cls, dataset: Dataset) -> Self:
        """Count the targets of the train split."""
        return cls(dataset.target_counts())

    def scores(self, contexts: Sequence[Context]) -> FloatArray:
        """The counts, once for each context: float32 (B, n_items)."""
        return np.tile(self._scores, (len(contexts), 1))

    def retrieve(self, contexts: Sequence[Context], k: int) -> IntArray:
        """The ``k`` most frequent targets, the same for every context: int64 (B, k)."""
        return np.tile(top_k(self._scores[None], k), (len(contexts), 1))

    def spec(self) -> dict[str, Any]:
        """It has no settings."""
        return {}


__all__ = ["PopularityRetriever"]
