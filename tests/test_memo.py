"""What is remembered, and for how long."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsgym.memo import Memo, Table


class Doubler:
    """Doubles tuples, and counts how often."""

    def __init__(self) -> None:
        self.asked = 0
        self.memo = Memo(self.double, 3)

    def double(self, key: tuple[int, ...]) -> tuple[int, ...]:
        self.asked += 1
        return key * 2


def test_equal_keys_are_computed_once() -> None:
    doubler = Doubler()
    one, same = (tuple(range(1, 3)) for _ in range(2))
    assert one is not same
    assert doubler.memo(one) == doubler.memo(one) == doubler.memo(same) == (1, 2, 1, 2)
    assert doubler.asked == 1


@given(st.lists(st.integers(0, 6)))
def test_it_is_right_and_bounded_whatever_came_before(keys: list[int]) -> None:
    doubler = Doubler()
    for key in keys:
        assert doubler.memo((key,)) == (key, key)
        assert len(doubler.memo) <= 3
        assert len(doubler.memo._seen) <= 3


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copy_has_forgotten(twin_of: object) -> None:
    doubler = Doubler()
    key = (1,)
    doubler.memo(key)
    twin = twin_of(doubler)  # type: ignore[operator]
    assert len(twin.memo) == 0
    assert twin.memo(key) == (1, 1)
    assert (doubler.asked, twin.asked) == (1, 2)


@given(st.lists(st.integers(0, 6)))
def test_a_table_is_right_and_bounded_whatever_came_before(keys: list[int]) -> None:
    asked: list[int] = []

    def double(key: int) -> int:
        asked.append(key)
        return 2 * key

    table = Table(double, 3)
    for before, key in enumerate(keys):
        assert table[key] == 2 * key
        assert len(table) <= 3
        assert asked.count(key) == 1 or len(set(keys[:before])) >= 3
