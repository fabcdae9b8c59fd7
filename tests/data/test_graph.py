"""The item-attribute graph as arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsgym.data.graph import ItemGraph
from crsgym.types import Attribute, Item

DRAMA, HORROR = Attribute("genre", "drama"), Attribute("genre", "horror")
LYNCH = Attribute("director", "Lynch")


@pytest.fixture
def graph() -> ItemGraph:
    return ItemGraph.from_items(
        [
            Item("a", "A", attributes=(HORROR, DRAMA, LYNCH)),
            Item("b", "B"),
            Item("c", "C", attributes=(DRAMA, DRAMA)),
            Item("d", "D", attributes=(LYNCH, DRAMA)),
        ]
    )


def test_from_items(graph: ItemGraph) -> None:
    assert graph.attributes == (LYNCH, DRAMA, HORROR)  # by kind, then value
    assert graph.edges.dtype == np.int64
    assert graph.edges.tolist() == [[0, 0, 0, 2, 3, 3], [0, 1, 2, 1, 0, 1]]
    assert (graph.num_items, graph.num_attributes, graph.num_edges) == (4, 3, 6)
    assert repr(graph) == "ItemGraph(4 items, 3 attributes, 6 edges)"


def test_csr_both_ways(graph: ItemGraph) -> None:
    indptr, indices = graph.csr()
    assert indptr.tolist() == [0, 3, 3, 4, 6]
    assert indices.tolist() == [0, 1, 2, 1, 0, 1]
    indptr, indices = graph.transposed_csr()
    assert indptr.tolist() == [0, 2, 5, 6]
    assert indices.tolist() == [0, 3, 0, 2, 3, 0]


def test_neighbours_and_overlap(graph: ItemGraph) -> None:
    assert graph.attributes_of(0).tolist() == [0, 1, 2]
    assert graph.attributes_of(1).tolist() == []
    assert graph.items_of(1).tolist() == [0, 2, 3]
    assert graph.overlap(0, 3) == 2
    assert graph.overlap(0, 2) == 1
    assert graph.overlap(0, 1) == 0


def test_arrays_cannot_be_changed(graph: ItemGraph) -> None:
    for array in (graph.edges, *graph.csr(), *graph.transposed_csr()):
        with pytest.raises(ValueError, match="read-only"):
            array[..., 0] = 9


def test_without_attributes() -> None:
    graph = ItemGraph.from_items([Item("a", "A"), Item("b", "B")])
    assert graph.edges.shape == (2, 0)
    assert graph.csr()[0].tolist() == [0, 0, 0]
    assert graph.transposed_csr()[0].tolist() == [0]


@pytest.mark.parametrize(
    ("attributes", "edges", "message"),
    [
        ([DRAMA], [[0, 1, 2]], r"shape \(2, E\), and have \(1, 3\)"),
        ([DRAMA], [[5], [0]], r"item indices must lie in 0\.\.1, and reach 5\.\.5"),
        ([DRAMA], [[0], [-1]], r"attribute indices must lie in 0\.\.0, and reach -1\.\.-1"),
        ([DRAMA, DRAMA], [[0], [0]], "must be unique"),
    ],
)
def test_refuses(attributes: list[Attribute], edges: list[list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ItemGraph(2, attributes, np.array(edges))


@given(st.lists(st.lists(st.integers(0, 6), max_size=8), min_size=1, max_size=12))
def test_says_what_the_items_say(lists: list[list[int]]) -> None:
    items = [
        Item(f"k{i}", f"T{i}", attributes=tuple(Attribute("genre", f"g{v}") for v in values))
        for i, values in enumerate(lists)
    ]
    graph = ItemGraph.from_items(items)
    for i, item in enumerate(items):
        found = {graph.attributes[j] for j in graph.attributes_of(i)}
        assert found == set(item.attributes)
    for j, attribute in enumerate(graph.attributes):
        holders = [i for i, item in enumerate(items) if attribute in item.attributes]
        assert graph.items_of(j).tolist() == holders
    assert graph.overlap(0, 0) == len(set(lists[0]))
