"""The retriever that learns from nothing."""

from __future__ import annotations

import dataclasses

import pytest

from crsgym.data.dataset import Dataset
from crsgym.errors import ConfigurationError
from crsgym.registry import make_task
from crsgym.retrieval.content import ContentRetriever
from crsgym.task import Task
from crsgym.testing import check_retriever
from crsgym.types import Context, Dialogue, Utterance


def test_it_needs_no_training_split(toy_dataset: Dataset, toy_task: Task) -> None:
    def absent() -> tuple[Dialogue, ...]:
        raise AssertionError("the training split was read")

    bare = Dataset("bare", toy_dataset.catalogue, {"train": absent}, fingerprint="bare-1")
    retriever = ContentRetriever.fit(bare)
    check_retriever(retriever, dataclasses.replace(toy_task, dataset=bare), k=6)
    asked = Context((Utterance("seeker", "A film by Director 3, please."),))
    # Items 3, 7 and 11 are the films of Director 3.
    assert set(retriever.retrieve([asked], 3)[0].tolist()) == {3, 7, 11}


def test_it_finds_more_than_chance_on_real_words() -> None:
    task = make_task("Synthetic-v0", split="valid", retriever="content", limit=200)
    states = task.world.start(task.scenarios, seed=0)
    found = sum(state.goal.target in state.candidates for state in states)
    assert found > 0.3 * len(states)  # 20 candidates of 1,000 items are 2 % by chance


def test_settings_are_checked(toy_dataset: Dataset) -> None:
    with pytest.raises(ConfigurationError, match="memory from 0 to 1"):
        ContentRetriever.fit(toy_dataset, memory=2.0)
