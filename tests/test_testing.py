"""The contract tests for plug-ins: they pass what is right and refuse what breaks a contract."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from crsgym.baselines import RetrieverAgent
from crsgym.errors import PluginError
from crsgym.task import Task
from crsgym.testing import (
    CatalogueOrder,
    check_agent,
    check_encoder,
    check_retriever,
    check_simulator,
    sample_states,
)
from crsgym.text.tfidf import HashedTfidf
from crsgym.types import Context, FloatArray, Goal, Observation

COUNT = itertools.count()


class Retrieves:
    def __init__(self, rows: Callable[[Sequence[Context], int], Any]) -> None:
        self.rows = rows

    def retrieve(self, contexts: Sequence[Context], k: int) -> Any:
        return self.rows(contexts, k)


class Responds:
    target_aware = False

    def __init__(self, texts: Callable[[Sequence[Context], Sequence[int]], Any]) -> None:
        self.texts = texts

    def respond(
        self,
        contexts: Sequence[Context],
        seeds: Sequence[int],
        goals: Sequence[Goal] | None = None,
    ) -> Any:
        assert goals is None
        return self.texts(contexts, seeds)


class Encodes:
    dim = 2

    def __init__(self, rows: Callable[[Sequence[str]], Any]) -> None:
        self.rows = rows

    def encode(self, texts: Sequence[str]) -> FloatArray:
        return np.array(self.rows(texts), dtype=np.float32)


class Acts:
    def __init__(self, texts: Callable[[Sequence[Observation]], Any]) -> None:
        self.texts = texts

    def act(self, observations: Sequence[Observation]) -> Any:
        return self.texts(observations)


def test_sampled_states_have_turns_behind_them(toy_task: Task) -> None:
    states = sample_states(toy_task, number=4, turns=2)
    assert [len(state.context.turns) for state in states] == [0, 1, 2, 0]
    assert all(state.status == "running" for state in states)
    for state in states:
        listed = {i for turn in state.context.turns for i in turn.recommendation.items}
        assert state.goal.target not in listed


def test_what_keeps_its_contract_passes(toy_task: Task) -> None:
    check_retriever(toy_task.world.retriever, toy_task, k=6)
    check_retriever(CatalogueOrder.fit(toy_task.dataset), toy_task, k=6)
    check_simulator(toy_task.world.simulator, toy_task)
    check_encoder(HashedTfidf(dim=64))
    check_agent(RetrieverAgent(3), toy_task)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda contexts, k: np.zeros((len(contexts), k)), "expected integers of shape"),
        (lambda contexts, k: np.zeros((len(contexts), k - 1), int), "expected integers of shape"),
        (lambda contexts, k: np.tile(np.arange(7, 7 + k), (len(contexts), 1)), "one outside it"),
        (lambda contexts, k: np.zeros((len(contexts), k), int), "row 0 holds one twice"),
        (
            lambda contexts, k: np.tile(np.arange(k) + (len(contexts) > 1), (len(contexts), 1)),
            "row 0 of a batch differs from the same context alone",
        ),
    ],
)
def test_retrievers_that_break_it(toy_task: Task, rows: Any, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        check_retriever(Retrieves(rows), toy_task, k=6)


def test_a_retriever_that_minds_the_order_of_a_batch(toy_task: Task) -> None:
    calls: list[int] = []

    def rows(contexts: Sequence[Context], k: int) -> Any:
        calls.append(len(contexts))
        return np.tile(np.arange(k) + (calls.count(calls[0]) > 1), (len(contexts), 1))

    with pytest.raises(PluginError, match="the order of the batch changes the rows"):
        check_retriever(Retrieves(rows), toy_task, k=6)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (lambda contexts, seeds: ["x"], "texts, one per context"),
        (lambda contexts, seeds: [None] * len(contexts), "texts, one per context"),
        (lambda contexts, seeds: [str(next(COUNT)) for _ in seeds], "the second time"),
        (lambda contexts, seeds: [str(len(contexts))] * len(seeds), "text 0 of a batch differs"),
    ],
)
def test_users_that_break_it(toy_task: Task, texts: Any, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        check_simulator(Responds(texts), toy_task)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda texts: [[1, 0, 0]] * len(texts), "expected float32 of shape"),
        (lambda texts: [[3, 4]] * len(texts), "expected rows of length 1, or 0"),
        (lambda texts: [[1, 0] if len(texts) > 1 else [0, 1]] * len(texts), "row 0 of a batch"),
    ],
)
def test_encoders_that_break_it(rows: Any, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        check_encoder(Encodes(rows))


@pytest.mark.parametrize(
    "texts",
    [
        lambda observations: ["x"],
        lambda observations: [None] * len(observations),
        lambda observations: ["x"] * 4,
    ],
)
def test_agents_that_break_it(toy_task: Task, texts: Any) -> None:
    with pytest.raises(PluginError, match="texts, one per observation"):
        check_agent(Acts(texts), toy_task)
