"""Whole numbers of any kind, and nothing else."""

from __future__ import annotations

import json

import numpy as np
import pytest

import crsgym
from crsgym.checks import as_integer, check_count, check_seed
from crsgym.errors import ConfigurationError
from crsgym.evaluation.metrics import Recall
from crsgym.world import World


@pytest.mark.parametrize("kind", [int, np.int64, np.int8, np.uint16])
def test_a_whole_number_of_any_kind(kind: type) -> None:
    for number in (as_integer(kind(7)), check_count("n", kind(7), 1, 7), check_seed(kind(7))):
        assert type(number) is int
        assert number == 7


@pytest.mark.parametrize("value", [True, np.True_, 1.0, np.float64(1), "1", None, np.array([1])])
def test_what_is_none(value: object) -> None:
    assert as_integer(value) is None
    with pytest.raises(ConfigurationError, match="n must be an integer; got"):
        check_count("n", value, 0)
    with pytest.raises(ConfigurationError, match="seed must be an integer; got"):
        check_seed(value)


def test_a_range() -> None:
    assert check_count("n", 1, 1) == 1
    with pytest.raises(ConfigurationError, match="n must be at least 1; got 0"):
        check_count("n", np.int64(0), 1)
    with pytest.raises(ConfigurationError, match="at least 1 and at most 5, the size of the cat"):
        check_count("n", np.int64(6), 1, 5)


COUNTS = {"max_turns": 3, "num_candidates": 5, "list_length": 4, "limit": 6}


def test_a_task_made_with_numbers_of_numpy_is_the_same() -> None:
    plain = crsgym.make_task("Synthetic-v0", **COUNTS)  # type: ignore[arg-type]
    numpy = crsgym.make_task(
        "Synthetic-v0",
        **{name: np.int64(value) for name, value in COUNTS.items()},  # type: ignore[arg-type]
    )
    assert json.dumps(numpy.spec) == json.dumps(plain.spec)
    assert numpy.hash == plain.hash


def test_seeds_of_numpy_play_the_same() -> None:
    one, other = (crsgym.make("Synthetic-v0", limit=20) for _ in range(2))
    assert one.reset(seed=5)[1] == other.reset(seed=np.int64(5))[1]  # type: ignore[arg-type]
    assert one.state == other.state
    envs = crsgym.make_vec("Synthetic-v0", np.int64(3), limit=20)  # type: ignore[arg-type]
    envs.reset(seed=[4, 5, 6])
    for seed in (np.arange(4, 7), [np.int64(4), np.int32(5), 6], np.int64(4)):
        again = crsgym.make_vec("Synthetic-v0", 3, limit=20)
        again.reset(seed=seed, options={"scenario": np.array([0, 1, 2])})  # type: ignore[arg-type]
        assert [state.seed for state in again.states] == [state.seed for state in envs.states]
    task = one.task
    played, replayed = (
        crsgym.rollout("random", task, scenarios=[0, 1], seed=seed, turns=turns, batch_size=size)
        for seed, turns, size in ((3, 2, 2), (np.int64(3), np.int64(2), np.int64(2)))  # type: ignore[misc]
    )
    assert played == replayed
    assert type(replayed[0].seed) is int


def test_a_report_takes_numbers_of_numpy() -> None:
    task = crsgym.make_task("Synthetic-v0", split="test", limit=6)
    plain, numpy = (
        crsgym.evaluate("random", task, turns=turns, seed=seed, replicates=draws)
        for turns, seed, draws in ((2, 1, 100), tuple(np.array([2, 1, 100])))
    )
    assert numpy.to_json() == plain.to_json()
    assert Recall(np.int64(10)).key == Recall(10).key == "recall@10"


def test_a_world_keeps_plain_numbers() -> None:
    world = crsgym.make_task("Synthetic-v0", limit=1).world
    again = World(
        world.catalogue,
        world.retriever,
        world.simulator,
        world.rewards,
        num_candidates=np.int64(20),  # type: ignore[arg-type]
    )
    assert again.spec() == world.spec()
    assert type(again.num_candidates) is int
