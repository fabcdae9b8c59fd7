"""How alike two items are, by their texts, their attributes and their titles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crsgym.data.catalogue import split_year
from crsgym.retrieval.sparse import Arrays, flat, unflat
from crsgym.text.items import item_text
from crsgym.text.tfidf import HashedTfidf
from crsgym.types import FloatArray, Item

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Likeness:
    """How alike items are, by their texts, their attributes and their titles."""

    sides: Mapping[str, Any]
    """Unit rows for every item, by side: CSR (items, dim) each."""

    SIDES = ("text", "attributes", "title")

    @classmethod
    def of(cls, catalogue: Sequence[Item], encoder: HashedTfidf) -> Self:
        """Measure a catalogue.

        Args:
            catalogue: the items.
            encoder: of the item texts.
        """
        titles = [split_year(item.title)[0] for item in catalogue]
        return cls(
            {
                "text": encoder.encode_sparse([item_text(item) for item in catalogue]),
                "attributes": _attribute_rows(catalogue),
                "title": HashedTfidf(encoder.dim).fit(titles).encode_sparse(titles),
            }
        )

    def to(self, weights: Any) -> Iterator[FloatArray]:
        """For each of ``SIDES``, the weighted cosines with some items: float32 (B, items).

        An item's likeness with itself does not count.

        Args:
            weights: weights of the items to compare with, CSR (B, items).
        """
        for side in self.SIDES:
            rows = self.sides[side]
            alike = np.asarray((weights @ rows @ rows.T).toarray(), dtype=np.float32)
            itself = np.asarray(rows.multiply(rows).sum(1), dtype=np.float32).ravel()
            alike -= np.asarray(weights.multiply(itself[None, :]).toarray(), dtype=np.float32)
            yield alike

    def arrays(self) -> Arrays:
        """Plain arrays to store."""
        return {k: v for side, rows in self.sides.items() for k, v in flat(side, rows).items()}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Self:
        """What :meth:`arrays` took apart."""
        return cls({side: unflat(side, arrays) for side in cls.SIDES})


def _attribute_rows(catalogue: Sequence[Item]) -> Any:
    """Unit rows of ``log(n / df)`` over the attributes of each item: CSR (items, attributes)."""
    from scipy.sparse import csr_matrix
    from sklearn.preprocessing import normalize

    number: dict[tuple[str, str], int] = {}
    columns = [number.setdefault(a, len(number)) for item in catalogue for a in item.attributes]
    indptr = np.cumsum([0, *(len(item.attributes) for item in catalogue)])
    df = np.maximum(np.bincount(columns, minlength=max(len(number), 1)), 1)
    data = np.log(len(catalogue) / df)[columns].astype(np.float32)
    shape = (len(catalogue), max(len(number), 1))
    return normalize(csr_matrix((data, columns, indptr), shape=shape))


__all__ = ["Likeness"]
