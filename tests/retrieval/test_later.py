"""Simulated conversations to learn later turns from."""

import numpy as np
import pytest

from crsgym.data.dataset import Dataset
from crsgym.retrieval.later import later_contexts
from crsgym.simulators.attributes import AttributesSimulator
from crsgym.simulators.rules import RulesSimulator
from crsgym.types import Context, IntArray


@pytest.fixture
def offers(toy_dataset: Dataset) -> IntArray:
    return np.tile(np.arange(12), (len(toy_dataset.scenarios("train")), 1))


def play(dataset: Dataset, offers: IntArray, seed: int = 0) -> list[Context]:
    simulators = [
        RulesSimulator.from_dataset(dataset),
        AttributesSimulator.from_dataset(dataset),
    ]
    return later_contexts(
        dataset, dataset.scenarios("train"), simulators, offers, seed=seed, list_length=3
    )


def test_every_conversation_awaits_its_next_answer(toy_dataset: Dataset, offers: IntArray) -> None:
    for seed in range(10):
        contexts = play(toy_dataset, offers, seed)
        for context, scenario in zip(contexts, toy_dataset.scenarios("train"), strict=True):
            assert context.dialogue == scenario.dialogue
            assert 1 <= len(context.turns) <= 3
            assert context.turns[0].feedback == ""
            assert all(turn.feedback for turn in context.turns[1:])
            assert context.feedback
            assert all(len(turn.recommendation.items) == 3 for turn in context.turns)


def test_equal_seeds_give_equal_conversations(toy_dataset: Dataset, offers: IntArray) -> None:
    assert play(toy_dataset, offers, 1) == play(toy_dataset, offers, 1)
    assert play(toy_dataset, offers, 1) != play(toy_dataset, offers, 2)


def test_a_conversation_does_not_depend_on_its_batch(
    toy_dataset: Dataset, offers: IntArray
) -> None:
    simulators = [RulesSimulator.from_dataset(toy_dataset)]
    scenarios = toy_dataset.scenarios("train")
    together = later_contexts(toy_dataset, scenarios, simulators, offers, seed=3)
    alone = later_contexts(toy_dataset, scenarios[2:3], simulators, offers[2:3], seed=3)
    assert alone == together[2:3]


def test_preferences_are_right_wrong_and_missing(toy_dataset: Dataset, offers: IntArray) -> None:
    written = [
        (turn.recommendation.preference, scenario.goal.preference)
        for seed in range(20)
        for context, scenario in zip(
            play(toy_dataset, offers, seed), toy_dataset.scenarios("train"), strict=True
        )
        for turn in context.turns
    ]
    share = [
        np.mean([not inferred for inferred, _ in written]),
        np.mean([inferred == truth for inferred, truth in written]),
        np.mean([inferred not in ("", truth) for inferred, truth in written]),
    ]
    assert sum(share) == pytest.approx(1)
    assert min(share) > 0.15
