"""TF-IDF over hashed words: a text encoder with no weights to download and next to no latency."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from crsgym.checks import check_count
from crsgym.errors import ConfigurationError
from crsgym.memo import Table
from crsgym.text.words import STOP_WORDS, Said, singular, words
from crsgym.types import FloatArray, IntArray

if TYPE_CHECKING:
    from typing_extensions import Self

_STOP = -1


class HashedTfidf:
    """Words hashed into ``dim`` columns, weighted ``(1 + log tf) * idf``, L2-normalised.

    Without :meth:`fit` every word weighs the same. Nothing depends on the machine, the process or
    what else is in the batch, so equal texts have equal vectors everywhere. Own code rather than
    scikit-learn's ``HashingVectorizer`` because a world of one encodes one text a step, where the
    latter's fixed cost per call is ten times this one's whole cost.

    Args:
        dim: columns; two words in one column are not told apart.
    """

    def __init__(self, dim: int = 4096) -> None:
        self.dim = dim = check_count("dim", dim, 1)
        self._buckets = Table(self._bucket, 1 << 18)
        self._idf: FloatArray | None = None
        self._fitted_on = ""

    def fit(self, texts: Iterable[str]) -> Self:
        """Learn how rare each word is: ``idf = 1 + log((1 + n) / (1 + df))``.

        Raises:
            ConfigurationError: when there is no text.
        """
        df: IntArray = np.zeros(self.dim, dtype=np.int64)
        count, digest = 0, 0
        for text in texts:
            columns = {self._buckets[word] for word in words(text)} - {_STOP}
            df[list(columns)] += 1
            count += 1
            digest = zlib.crc32(text.encode("utf-8", "surrogatepass"), digest)
        if not count:
            raise ConfigurationError("HashedTfidf.fit: expected at least one text, got none")
        self._idf = (1 + np.log((1 + count) / (1 + df))).astype(np.float32)
        self._fitted_on = f"{count} texts, crc32 {digest:08x}"
        return self

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """L2-normalised float32 rows, shape (B, dim); zeros for a text with no words in it."""
        rows, columns, values = self._entries(_in_words(texts))
        dense: FloatArray = np.zeros((len(texts), self.dim), dtype=np.float32)
        dense[rows, columns] = values
        return dense

    def encode_sparse(self, texts: Sequence[str]) -> Any:
        """The same rows as :meth:`encode` as a ``scipy.sparse.csr_matrix``, shape (B, dim)."""
        return self.encode_words(_in_words(texts))

    def encode_words(
        self,
        said: Said,
        weights: FloatArray | None = None,
        ends: Sequence[int] | None = None,
    ) -> Any:
        """The rows of :meth:`encode_sparse` for texts that were taken apart by ``words``.

        Args:
            said: the texts.
            weights: what each row is multiplied with, float32 (len(said),).
            ends: 0, and where each group of texts ends whose rows are added up: one entry more
                than there are groups. A group may hold an entry for each of its texts.
        """
        from scipy.sparse import csr_matrix

        rows, columns, values = self._entries(said)
        if weights is not None:
            values *= weights[rows]
        indptr = np.searchsorted(rows, range(len(said) + 1) if ends is None else ends)
        return csr_matrix((values, columns, indptr), shape=(len(indptr) - 1, self.dim))

    def spec(self) -> dict[str, Any]:
        """What its vectors depend on."""
        return {"dim": self.dim, "fitted_on": self._fitted_on}

    def _bucket(self, word: str) -> int:
        """The column of a word."""
        return _STOP if word in STOP_WORDS else zlib.crc32(singular(word).encode()) % self.dim

    def _entries(self, said: Said) -> tuple[IntArray, IntArray, FloatArray]:
        """The non-zero entries: rows (ascending), columns (ascending in a row) and values."""
        lengths = list(map(len, said))
        buckets = map(self._buckets.__getitem__, chain.from_iterable(said))
        column: IntArray = np.fromiter(buckets, np.int64, sum(lengths))
        row = np.repeat(np.arange(len(said), dtype=np.int64), lengths)
        kept = column != _STOP
        cells, counts = np.unique(row[kept] * self.dim + column[kept], return_counts=True)
        row, column = np.divmod(cells, self.dim)
        value = 1 + np.log(counts)
        if self._idf is not None:
            value *= self._idf[column]
        norm = np.sqrt(np.bincount(row, value * value, minlength=len(said)))
        return row, column, (value / norm[row]).astype(np.float32)


def _in_words(texts: Sequence[str]) -> list[list[str]]:
    if isinstance(texts, str):
        raise TypeError("texts: expected a sequence of texts, got one str; pass [text]")
    return list(map(words, texts))


__all__ = ["HashedTfidf"]
