"""Rows that are worked out once."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsgym.retrieval.rowcache import RowCache
from crsgym.types import FloatArray


class Squares:
    """Computes the row ``[key, key squared]``, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, keys: list[int]) -> FloatArray:
        self.asked += keys
        return np.array([[key, key**2] for key in keys], dtype=np.float32)


def test_a_row_is_computed_once_and_in_one_call() -> None:
    squares = Squares()
    cache = RowCache(squares, 2)
    assert cache.rows([3, 1, 3]).tolist() == [[3, 9], [1, 1], [3, 9]]
    assert cache.rows([1, 2]).tolist() == [[1, 1], [2, 4]]
    assert squares.asked == [3, 1, 2]


def test_rows_have_one_precision_whichever_are_new() -> None:
    cache = RowCache(lambda keys: np.array([[key / 3] for key in keys]), 1)
    first, mixed = cache.rows([1, 2]), cache.rows([1, 5])
    assert first.dtype == mixed.dtype == np.float32
    assert first[0] == mixed[0]


def test_the_oldest_row_goes() -> None:
    squares = Squares()
    cache = RowCache(squares, 2, megabytes=16 / 2**20)  # room for two rows of 8 bytes
    cache.rows([1, 2])
    cache.rows([1])
    cache.rows([3])
    assert len(cache) == 2
    cache.rows([2])
    assert squares.asked == [1, 2, 3]
    cache.rows([1])
    assert squares.asked == [1, 2, 3, 1]
    cache.rows([3])
    assert squares.asked == [1, 2, 3, 1]


def test_a_row_handed_out_is_not_the_one_kept() -> None:
    cache = RowCache(Squares(), 2)
    cache.rows([5])[:] = 0
    out = cache.rows([5])
    out += 1
    assert cache.rows([5]).tolist() == [[5, 25]]


@given(st.lists(st.lists(st.integers(0, 6), max_size=8), max_size=8))
def test_rows_are_right_whatever_was_asked_before(batches: list[list[int]]) -> None:
    cache = RowCache(Squares(), 2, megabytes=24 / 2**20)
    for keys in batches:
        expected = np.array([[k, k**2] for k in keys], dtype=np.float32).reshape(-1, 2)
        assert np.array_equal(cache.rows(keys), expected)


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copy_works_its_rows_out_again(twin_of: object) -> None:
    cache = RowCache(Squares(), 2)
    cache.rows([3])
    twin = twin_of(cache)  # type: ignore[operator]
    assert len(twin) == 0
    assert twin.rows([3, 2]).tolist() == cache.rows([3, 2]).tolist() == [[3, 9], [2, 4]]


def test_rows_of_no_key() -> None:
    assert RowCache(Squares(), 2).rows([]).shape == (0, 2)
