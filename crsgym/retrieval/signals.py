"""How well every item fits what was said, by words, attributes and mentions; no training needed.

All functions are batched and return dense float32 rows (B, n_items).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from crsgym.data.dataset import Dataset
from crsgym.retrieval.sayings import Phrases
from crsgym.retrieval.sparse import dense_sums
from crsgym.text import item_text
from crsgym.text.tfidf import HashedTfidf
from crsgym.text.words import Said
from crsgym.types import FloatArray, Utterance

_DIM = 2**18


class ItemSignals:
    """The catalogue's words and attributes as sparse matrices.

    Args:
        dataset: its items are what is scored.
        said: texts that tell how common a phrase is; the utterances of the train split by default,
            of which nothing else is used.
    """

    def __init__(self, dataset: Dataset, said: Sequence[str] | None = None) -> None:
        from scipy.sparse import csr_matrix, diags

        items = [item_text(item) for item in dataset.catalogue]
        self._encoder = HashedTfidf(_DIM).fit(items)
        self._texts = self._encoder.encode_sparse(items).T.tocsr()
        graph = dataset.graph
        indptr, indices = graph.csr()
        shape = (graph.num_items, graph.num_attributes)
        has = csr_matrix((np.ones(len(indices), np.float32), indices, indptr), shape=shape)
        degree = np.bincount(indices, minlength=graph.num_attributes)
        rarity = np.log1p(graph.num_items / np.maximum(degree, 1)).astype("f4")
        weighted = has.multiply(rarity[None]).tocsr()
        length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1))).ravel()
        self._profiles = diags((1 / np.maximum(length, 1e-9)).astype("f4")) @ weighted
        if said is None:
            said = [u.text for dialogue in dataset.dialogues("train") for u in dialogue.utterances]
        self._phrases = Phrases.of(dataset.catalogue, said)
        self.num_items = graph.num_items

    def text(
        self, said: Said, weights: FloatArray | None = None, ends: Sequence[int] | None = None
    ) -> FloatArray:
        """TF-IDF cosine of each text with each item's text; of several, the weighted sum.

        Args:
            said: the texts, each taken apart by ``words``.
            weights: what each text counts, float32 (len(said),); 1 by default.
            ends: 0, and where each group of texts ends that has a row of its own; every text has
                one by default.
        """
        return _dense(self._encoder.encode_words(said, weights, ends) @ self._texts)

    def attributes(
        self, said: Said, weights: FloatArray | None = None, ends: Sequence[int] | None = None
    ) -> FloatArray:
        """How much of what each text names each item has; of several, the weighted sum.

        Rare attributes count more. Arguments as of :meth:`text`.
        """
        return dense_sums(self._phrases.sparse_scores(said), self.num_items, weights, ends)

    def similar(self, mentioned: Sequence[Sequence[int]]) -> FloatArray:
        """Mean attribute cosine of each item with the mentioned ones; these themselves have 0."""
        from scipy.sparse import csr_matrix

        indptr = np.cumsum([0, *map(len, mentioned)])
        indices = np.array([item for row in mentioned for item in row], dtype=np.int64)
        lengths = np.diff(indptr)
        share = np.repeat(1 / np.maximum(lengths, 1), lengths).astype(np.float32)
        pick = csr_matrix((share, indices, indptr), shape=(len(mentioned), self.num_items))
        scores = _dense(pick @ self._profiles @ self._profiles.T)
        scores[np.repeat(np.arange(len(mentioned)), lengths), indices] = 0
        return scores

    def recency(self, mentioned: Sequence[Sequence[int]]) -> FloatArray:
        """1 for the item mentioned last, 1/2 for the one before it, and so on; 0 for the rest.

        Args:
            mentioned: items of each dialogue, each once, the last mentioned first.
        """
        scores: FloatArray = np.zeros((len(mentioned), self.num_items), dtype=np.float32)
        for row, items in enumerate(mentioned):
            scores[row, list(items)] = 1 / np.arange(1, len(items) + 1)
        return scores


def last_first(dialogue: Sequence[Utterance]) -> tuple[int, ...]:
    """The items mentioned in a dialogue, each once, the last mentioned first."""
    return tuple(dict.fromkeys(i for u in reversed(dialogue) for i in reversed(u.items)))


def spoken(dialogue: Sequence[Utterance]) -> str:
    """What was said in a dialogue, with the names of the linked entities."""
    return "\n".join([*(u.text for u in dialogue), *(e for u in dialogue for e in u.entities)])


def _dense(matrix: Any) -> FloatArray:
    dense: FloatArray = matrix.toarray()
    return dense


__all__ = ["ItemSignals", "last_first", "spoken"]
