"""Contract tests for plug-ins, to be called from an author's own tests.

Each check plays real conversations of a task and raises :class:`~crsgym.errors.PluginError` with
what was expected and what came. A part that passes behaves the same alone and in any batch, which
is what every number of this library rests on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from crsgym.actions import format_answer
from crsgym.data.dataset import Dataset
from crsgym.errors import PluginError
from crsgym.protocols import Agent, Retriever, Simulator, TextEncoder
from crsgym.seeding import derive_seed
from crsgym.task import Task
from crsgym.types import Context, Goal, IntArray, State


class CatalogueOrder:
    """A retriever that offers the first items of the catalogue, whatever is said.

    It needs no train split, so it stands in where only a conversation's other parts matter.
    """

    def __init__(self, size: int) -> None:
        """Over a catalogue of ``size`` items."""
        self.size = size

    @classmethod
    def fit(cls, dataset: Dataset) -> CatalogueOrder:
        """Over the data set's catalogue."""
        return cls(len(dataset.catalogue))

    def retrieve(self, contexts: Sequence[Context], k: int) -> IntArray:
        """Items 0 to ``k - 1`` in every row: int64, shape (B, k)."""
        return np.tile(np.arange(min(k, self.size), dtype=np.int64), (len(contexts), 1))


def sample_states(task: Task, *, number: int = 8, turns: int = 2, seed: int = 0) -> list[State]:
    """Running conversations of a task, each with a few turns behind it.

    Args:
        task: what to play; its success rule does not end these.
        number: how many, taken evenly from the task's scenarios.
        turns: finished turns of the longest; conversation ``i`` has ``i % (turns + 1)`` of them.
        seed: of the episodes.
    """
    number = min(number, len(task.scenarios))
    places = np.linspace(0, len(task.scenarios) - 1, number).astype(int).tolist()
    states = task.world.start([task.scenarios[place] for place in places], seed=seed)
    titles = task.world.catalogue.titles
    for played in range(min(turns, task.world.max_turns - 1)):
        going = [
            i
            for i, state in enumerate(states)
            if i % (turns + 1) > played and state.status == "running"
        ]
        answers = [
            format_answer(
                [titles[item] for item in states[i].candidates if item != states[i].goal.target][
                    : task.world.list_length
                ],
                preference=f"turn {played + 1}, {states[i].context.feedback}",
            )
            for i in going
        ]
        outcomes = task.world.advance([states[i] for i in going], answers)
        for i, outcome in zip(going, outcomes, strict=True):
            states[i] = outcome.state
    return states


def check_retriever(retriever: Retriever, task: Task, *, k: int = 20) -> None:
    """Shape, type, range, no item twice, and the same row alone as in a batch."""
    contexts = [state.context for state in sample_states(task)]
    together = np.asarray(retriever.retrieve(contexts, k))
    name = f"{type(retriever).__name__}.retrieve"
    if together.shape != (len(contexts), k) or not np.issubdtype(together.dtype, np.integer):
        raise PluginError(
            f"{name}: expected integers of shape {(len(contexts), k)}; "
            f"got {together.dtype} of shape {together.shape}"
        )
    if together.min() < 0 or together.max() >= len(task.dataset.catalogue):
        raise PluginError(f"{name}: expected indices of the catalogue; got one outside it")
    for i, context in enumerate(contexts):
        if len(set(together[i].tolist())) < k:
            raise PluginError(f"{name}: expected {k} different items; row {i} holds one twice")
        alone = np.asarray(retriever.retrieve([context], k))[0]
        if not np.array_equal(alone, together[i]):
            raise PluginError(f"{name}: row {i} of a batch differs from the same context alone")
    backwards = np.asarray(retriever.retrieve(contexts[::-1], k))[::-1]
    if not np.array_equal(backwards, together):
        raise PluginError(f"{name}: the order of the batch changes the rows")


def check_simulator(simulator: Simulator, task: Task) -> None:
    """One text per context, reproducible, the same alone as in a batch, and blind when label-free.

    A simulator that says ``nondeterministic = True`` of itself is only asked for texts.
    """
    states = [state for state in sample_states(task, number=12) if state.context.turns]
    contexts = [replace(state.context, feedback="") for state in states]
    seeds = [derive_seed(7, state.scenario.id) for state in states]
    goals = [state.goal for state in states] if simulator.target_aware else None
    name = f"{type(simulator).__name__}.respond"
    together = simulator.respond(contexts, seeds, goals)
    if len(together) != len(contexts) or not all(isinstance(text, str) for text in together):
        raise PluginError(f"{name}: expected {len(contexts)} texts, one per context")
    if getattr(simulator, "nondeterministic", False):
        return
    if simulator.respond(contexts, seeds, goals) != together:
        raise PluginError(f"{name}: equal contexts and seeds gave other texts the second time")
    for i, context in enumerate(contexts):
        goal: Sequence[Goal] | None = None if goals is None else [goals[i]]
        if simulator.respond([context], [seeds[i]], goal) != [together[i]]:
            raise PluginError(f"{name}: text {i} of a batch differs from the same context alone")


def check_encoder(
    encoder: TextEncoder, texts: Sequence[str] = ("a dark comedy", "", "é 映画")
) -> None:
    """Float32 rows of unit length (or zero), the same alone as in a batch to 1e-5."""
    together = encoder.encode(texts)
    name = f"{type(encoder).__name__}.encode"
    if together.shape != (len(texts), encoder.dim) or together.dtype != np.float32:
        raise PluginError(
            f"{name}: expected float32 of shape {(len(texts), encoder.dim)}; "
            f"got {together.dtype} of shape {together.shape}"
        )
    norms = np.linalg.norm(together, axis=1)
    if not np.all((np.abs(norms - 1) < 1e-3) | (norms == 0)):
        raise PluginError(f"{name}: expected rows of length 1, or 0; got lengths {norms}")
    for i, text in enumerate(texts):
        if not np.allclose(encoder.encode([text])[0], together[i], atol=1e-5):
            raise PluginError(f"{name}: row {i} of a batch differs from the same text alone")


def check_agent(agent: Agent, task: Task) -> None:
    """One text per observation, for observations of every turn, and for a single one."""
    observations = task.world.observe(sample_states(task))
    name = f"{type(agent).__name__}.act"
    for batch in (observations, observations[:1]):
        answers = agent.act(batch)
        if len(answers) != len(batch) or not all(isinstance(text, str) for text in answers):
            raise PluginError(f"{name}: expected {len(batch)} texts, one per observation")


__all__ = [
    "CatalogueOrder",
    "check_agent",
    "check_encoder",
    "check_retriever",
    "check_simulator",
    "sample_states",
]
