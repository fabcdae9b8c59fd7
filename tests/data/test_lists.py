from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsgym.data.graph import ItemGraph
from crsgym.data.lists import LIST_KINDS, construct_list, overlaps
from crsgym.errors import ConfigurationError
from crsgym.types import Attribute


def graph() -> ItemGraph:
    """40 items: item i has attributes 0 .. (i % 8), so item 7 shares 1 + i % 8 with item i."""
    edges = [(i, a) for i in range(40) for a in range(i % 8 + 1)]
    return ItemGraph(40, [Attribute("genre", str(a)) for a in range(8)], np.array(edges).T)


GRAPH = graph()


def test_overlaps() -> None:
    np.testing.assert_array_equal(overlaps(GRAPH, 7), [i % 8 + 1 for i in range(40)])
    np.testing.assert_array_equal(overlaps(GRAPH, 0), np.ones(40))


def test_an_item_without_attributes_shares_none() -> None:
    bare = ItemGraph(3, [Attribute("genre", "x")], np.array([[0], [0]]))
    np.testing.assert_array_equal(overlaps(bare, 2), [0, 0, 0])
    assert set(construct_list(bare, 2, "H+", seed=0, length=3)) == {0, 1, 2}


@given(
    st.sampled_from(LIST_KINDS), st.integers(0, 39), st.integers(0, 2**63 - 1), st.integers(1, 10)
)
def test_a_list_is_what_its_kind_says(kind, target, seed, length) -> None:
    items = construct_list(GRAPH, target, kind, seed=seed, length=length, exclude=[3, 4])
    assert len(items) == len(set(items)) == length
    assert (target in items) == kind.endswith("+")
    assert not {3, 4} - {target} & set(items)
    assert items == construct_list(GRAPH, target, kind, seed=seed, length=length, exclude=[3, 4])


def test_hard_negatives_share_more_than_simple_ones() -> None:
    shared = overlaps(GRAPH, 7)
    hard, simple = (
        np.concatenate(
            [np.array(construct_list(GRAPH, 7, kind, seed=s, length=3)) for s in range(30)]
        )
        for kind in ("H-", "S-")
    )
    # Nine of the 39 others: four share all 8 attributes and five share 7; five share 1, four 2.
    assert set(shared[hard].tolist()) == {7, 8}
    assert set(shared[simple].tolist()) == {1, 2}


def test_the_target_stands_anywhere() -> None:
    places = {construct_list(GRAPH, 7, "H+", seed=s, length=5).index(7) for s in range(100)}
    assert places == set(range(5))


@pytest.mark.parametrize(("kind", "length"), [("X+", 5), ("H-", 40), ("H+", 0)])
def test_what_cannot_be_made(kind, length) -> None:
    with pytest.raises(ConfigurationError):
        construct_list(GRAPH, 7, kind, seed=0, length=length)
