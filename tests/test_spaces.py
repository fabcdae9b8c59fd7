"""Spaces of text: what they hold, samples that are members, equality, batching."""

from __future__ import annotations

import time

import pytest
from gymnasium import spaces
from gymnasium.vector.utils import batch_space

from crsgym.actions import parse_answer
from crsgym.spaces import Answer, History, Titles, UnicodeText, action_space, observation_space
from crsgym.task import Task

ALL = [UnicodeText(), UnicodeText(5), Titles(), Titles(3), History(4), Answer(["A", "B", "C"], 2)]


@pytest.mark.parametrize("space", ALL, ids=repr)
def test_samples_are_members_and_seeded(space: spaces.Space[object]) -> None:
    space.seed(3)
    first = [space.sample() for _ in range(20)]
    assert all(sample in space for sample in first)
    space.seed(3)
    assert [space.sample() for _ in range(20)] == first
    assert not space.is_np_flattenable
    with pytest.raises(ValueError, match="no mask"):
        space.sample(mask=1)


def test_text_is_checked_by_length_only() -> None:
    assert "naïve 日本語 \x00 \U0001f600" in UnicodeText()
    assert "123456" not in UnicodeText(5)
    assert b"12" not in UnicodeText(5)
    assert 12 not in UnicodeText(5)


def test_titles_and_history() -> None:
    assert ("a", "b") in Titles()
    assert ("a", "b") not in Titles(3)
    assert ["a"] not in Titles()
    assert (1,) not in Titles()
    turn = {"feedback": "no", "preference": "", "list": ("a",)}
    assert (turn, turn) in History(2)
    assert (turn, turn) not in History(1)
    assert ({"feedback": "no"},) not in History(1)


def test_equality_is_by_what_they_hold() -> None:
    assert UnicodeText(5) == UnicodeText(5)
    assert UnicodeText(5) != UnicodeText(6)
    assert UnicodeText() != Answer(["A"], 1)
    assert Titles(3) == Titles(3)
    assert Titles(3) != Titles()
    assert History(2) == History(2)
    assert History(2) != History(3)
    assert len({UnicodeText(5), UnicodeText(5), Titles(), Titles(), History(1), History(1)}) == 3


def test_a_sampled_action_is_a_well_formed_answer(toy_task: Task) -> None:
    space = action_space(toy_task.world)
    space.seed(0)
    for _ in range(50):
        answer = parse_answer(space.sample(), toy_task.world.catalogue, list_length=3)
        assert answer.well_formed
        assert len(answer.items) == 3
        assert answer.steps == 5


def test_batching_a_thousand_takes_no_time(toy_task: Task) -> None:
    began = time.perf_counter()
    batched = batch_space(observation_space(toy_task.world), 1000)
    assert time.perf_counter() - began < 10
    assert isinstance(batched, spaces.Dict)
