"""One reading of texts: how well each item fits them, and which training texts are near."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crsgym.retrieval.neighbours import Kernel, Neighbours
from crsgym.retrieval.sparse import Arrays, flat, product, unflat
from crsgym.types import FloatArray, IntArray

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Reading:
    """What a text side asks of a dialogue."""

    fit: tuple[str, ...]
    """Views compared with the items."""
    near: tuple[str, ...]
    """Views compared with the same view of the training contexts."""
    kernel: Kernel
    """What a near training context counts."""

    @property
    def views(self) -> tuple[str, ...]:
        """Every view needed, each once."""
        return tuple(dict.fromkeys((*self.fit, *self.near)))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return (*(f"fit_{view}" for view in self.fit), *(f"near_{view}" for view in self.near))


class TextSide:
    """An encoder with the vectors of the items and of the training contexts.

    Args:
        encode: from texts to unit rows, dense or CSR.
        reading: which views are compared with what.
        items: unit rows of the item texts.
        near: training contexts, by view.
    """

    def __init__(
        self,
        encode: Callable[[Sequence[str]], Any],
        reading: Reading,
        items: Any,
        near: Mapping[str, Neighbours],
    ) -> None:
        self.encode = encode
        self.reading = reading
        self.items = items
        self._near = dict(near)

    @classmethod
    def of(
        cls,
        encode: Callable[[Sequence[str]], Any],
        reading: Reading,
        items: Sequence[str],
        keys: Mapping[str, Sequence[str]],
        labels: Any,
        owner: IntArray,
    ) -> Self:
        """Encode the items and the training contexts.

        Args:
            encode: as for the class.
            reading: as for the class.
            items: a text for each item.
            keys: texts of the training contexts, by view.
            labels: their targets, float32 CSR (K, items).
            owner: their conversations, int64 (K,).
        """
        near = {view: Neighbours(encode(keys[view]), labels, owner) for view in reading.near}
        return cls(encode, reading, encode(items), near)

    def rows(self, vectors: Mapping[str, Any], own: IntArray) -> Iterator[FloatArray]:
        """The features that ``reading`` names, each float32 (B, items).

        Args:
            vectors: unit rows of the contexts, by view.
            own: the conversation that each context was cut from, or -1: int64 (B,).
        """
        for view in self.reading.fit:
            yield product(vectors[view], self.items)
        for view in self.reading.near:
            yield self._near[view].scores(vectors[view], own, self.reading.kernel)

    def arrays(self) -> Arrays:
        """Plain arrays to store."""
        arrays = flat("items", self.items)
        for view, near in self._near.items():
            arrays |= flat(f"keys_{view}", near.keys)
        return arrays

    @classmethod
    def restore(
        cls,
        encode: Callable[[Sequence[str]], Any],
        reading: Reading,
        arrays: Mapping[str, np.ndarray[Any, Any]],
        labels: Any,
        owner: IntArray,
    ) -> Self:
        """What :meth:`arrays` took apart; labels and owner are those of :meth:`of`."""
        near = {
            view: Neighbours(unflat(f"keys_{view}", arrays), labels, owner) for view in reading.near
        }
        return cls(encode, reading, unflat("items", arrays), near)


__all__ = ["Reading", "TextSide"]
