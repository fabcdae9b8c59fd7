"""Items and their attributes as arrays: the bipartite graph that retrievers learn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from crsgym.types import Attribute, IntArray, Item


class ItemGraph:
    """Item-attribute edges, each once, sorted by item and then by attribute.

    Args:
        num_items: how many items there are; item indices are 0 .. num_items - 1.
        attributes: the attribute nodes, each once.
        edges: int64, shape (2, E): row 0 holds items, row 1 indices into ``attributes``.

    Raises:
        ValueError: when the edges have another shape, point outside, or an attribute is doubled.
    """

    def __init__(self, num_items: int, attributes: Iterable[Attribute], edges: IntArray) -> None:
        self.num_items = num_items
        self.attributes: tuple[Attribute, ...] = tuple(attributes)
        edges = np.asarray(edges, dtype=np.int64)
        if edges.ndim != 2 or edges.shape[0] != 2:
            raise ValueError(f"edges must have shape (2, E), and have {edges.shape}")
        if len(set(self.attributes)) != len(self.attributes):
            raise ValueError("attributes must be unique, and some are doubled")
        limits = ((num_items, "item"), (len(self.attributes), "attribute"))
        for row, (limit, what) in zip(edges, limits, strict=True):
            if row.size and not 0 <= row.min() <= row.max() < limit:
                raise ValueError(
                    f"{what} indices must lie in 0..{limit - 1}, and reach {row.min()}..{row.max()}"
                )
        flat = np.unique(edges[0] * max(len(self.attributes), 1) + edges[1])
        self.edges: IntArray = np.stack(np.divmod(flat, max(len(self.attributes), 1)))
        """int64, shape (2, E)."""
        self.edges.setflags(write=False)

    @classmethod
    def from_items(cls, items: Sequence[Item]) -> ItemGraph:
        """The graph of the items' attributes; attribute nodes are sorted by kind and value."""
        attributes = sorted({a for item in items for a in item.attributes})
        index = {attribute: j for j, attribute in enumerate(attributes)}
        pairs = [(i, index[a]) for i, item in enumerate(items) for a in item.attributes]
        return cls(len(items), attributes, np.array(pairs, dtype=np.int64).reshape(-1, 2).T)

    @property
    def num_attributes(self) -> int:
        """How many attribute nodes there are."""
        return len(self.attributes)

    @property
    def num_edges(self) -> int:
        """How many edges there are."""
        return int(self.edges.shape[1])

    def __repr__(self) -> str:
        return (
            f"ItemGraph({self.num_items} items, {self.num_attributes} attributes, "
            f"{self.num_edges} edges)"
        )

    @cached_property
    def _csr(self) -> tuple[IntArray, IntArray]:
        indptr = np.zeros(self.num_items + 1, dtype=np.int64)
        np.cumsum(np.bincount(self.edges[0], minlength=self.num_items), out=indptr[1:])
        indptr.setflags(write=False)
        return indptr, self.edges[1]

    @cached_property
    def _transposed(self) -> tuple[IntArray, IntArray]:
        order = np.argsort(self.edges[1], kind="stable")
        indptr = np.zeros(self.num_attributes + 1, dtype=np.int64)
        np.cumsum(np.bincount(self.edges[1], minlength=self.num_attributes), out=indptr[1:])
        indices = self.edges[0][order]
        indptr.setflags(write=False)
        indices.setflags(write=False)
        return indptr, indices

    def csr(self) -> tuple[IntArray, IntArray]:
        """Item to attributes, as ``(indptr, indices)``: int64, shapes (num_items + 1,) and (E,).

        The attributes of item ``i`` are ``indices[indptr[i]:indptr[i + 1]]``, ascending.
        """
        return self._csr

    def transposed_csr(self) -> tuple[IntArray, IntArray]:
        """Attribute to items, as :meth:`csr`: shapes (num_attributes + 1,) and (E,)."""
        return self._transposed

    def attributes_of(self, item: int) -> IntArray:
        """Indices of the attributes of an item, ascending: int64, shape (degree,)."""
        indptr, indices = self._csr
        return indices[indptr[item] : indptr[item + 1]]

    def items_of(self, attribute: int) -> IntArray:
        """Indices of the items that have an attribute, ascending: int64, shape (degree,)."""
        indptr, indices = self._transposed
        return indices[indptr[attribute] : indptr[attribute + 1]]

    def overlap(self, i: int, j: int) -> int:
        """How many attributes two items share."""
        shared = np.intersect1d(self.attributes_of(i), self.attributes_of(j), assume_unique=True)
        return int(shared.size)


__all__ = ["ItemGraph"]
