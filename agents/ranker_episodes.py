"""Episodes of the ranker: played as groups for learning, and greedily for choosing an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from crsgym.types import IntArray, Outcome, State

from .features import View
from .ranker import Choices, Ranker

if TYPE_CHECKING:
    from crsgym.task import Task

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trajectories:
    """Groups of conversations, flat: ``N = scenarios * G`` of ``T`` turns each."""

    views: tuple[View, ...]
    """One for each turn, ``N`` rows each."""
    choices: tuple[Choices, ...]
    outcomes: tuple[tuple[Outcome, ...], ...]


def play_groups(
    ranker: Ranker, task: Task, states: Sequence[State], generator: torch.Generator
) -> Trajectories:
    """Play conversations to their end, with answers drawn from the policy.

    Args:
        ranker: plays.
        task: whose scenarios they are; of the train split.
        states: at turn 1; copies of one state are a group.
        generator: source of the draws.
    """
    views, choices, outcomes = [], [], []
    own = [state.scenario.dialogue_id for state in states]
    for _ in range(task.world.max_turns):
        observations = task.world.observe(states)
        view = ranker.features.read(observations, own)
        chosen = ranker.sample(view, generator)
        played = task.world.advance(states, ranker.answers(observations, view, chosen))
        states = [outcome.state for outcome in played]
        views.append(view)
        choices.append(chosen)
        outcomes.append(tuple(played))
    return Trajectories(tuple(views), tuple(choices), tuple(outcomes))


def choice_credits(
    list_rewards: Values,
    other_rewards: Values,
    ranks: IntArray,
    *,
    length: int,
    discount: float,
) -> Values:
    """What each choice may have caused.

    Args:
        list_rewards: what the place of the target in the list earned, (N, T).
        other_rewards: what the rest of the answer earned, (N, T).
        ranks: place of the target in the list, from 1; 0 where it is not listed. (N, T).
        length: places of a list, ``L``.
        discount: weight of the next turn.

    Returns:
        (N, T, L + 1): for place ``k`` of the list the discounted return of later turns, plus the
        reward of this list where the target is not before ``k``; last, for the preference, the
        return without the reward of this list.
    """
    future = np.zeros_like(list_rewards)
    for t in reversed(range(list_rewards.shape[1] - 1)):
        future[:, t] = discount * (
            list_rewards[:, t + 1] + other_rewards[:, t + 1] + future[:, t + 1]
        )
    places = np.arange(1, length + 1)
    caused = (ranks[:, :, None] == 0) | (ranks[:, :, None] >= places)
    own = np.where(caused, list_rewards[:, :, None], 0.0) + future[:, :, None]
    form = (other_rewards + future)[:, :, None]
    return np.concatenate([own, form], axis=2)


def group_advantages(values: Values, group: int) -> Values:
    """Values (N, ...) less the mean of their group of ``group`` rows, over one deviation."""
    grouped = values.reshape(-1, group, *values.shape[1:])
    centred = grouped - grouped.mean(axis=1, keepdims=True)
    advantages: Values = (centred / max(float(centred.std()), 1e-6)).reshape(values.shape)
    return advantages


def play(ranker: Ranker, task: Task, *, seed: int) -> list[list[Outcome]]:
    """The likeliest answers through every turn of every scenario: T lists of n outcomes."""
    states = task.world.start(task.scenarios, seed=seed)
    outcomes = []
    for _ in range(task.world.max_turns):
        played = task.world.advance(states, ranker.act(task.world.observe(states)))
        states = [outcome.state for outcome in played]
        outcomes.append(played)
    return outcomes


def split_rewards(outcomes: Sequence[Sequence[Outcome]], task: Task) -> tuple[Values, Values]:
    """What the lists earned (``hit`` and ``rank``, weighted) and what the rest did: (n, T) each."""
    weights = task.world.rewards.weights

    def earned(outcome: Outcome) -> float:
        terms = outcome.reward_terms
        return sum(weights[name] * terms[name] for name in ("hit", "rank") if name in weights)

    total = np.array([[outcome.reward for outcome in turn] for turn in outcomes]).T
    listed = np.array([[earned(outcome) for outcome in turn] for turn in outcomes]).T
    return listed, total - listed


def target_ranks(outcomes: Sequence[Sequence[Outcome]]) -> IntArray:
    """Place of the target in each list, from 1; 0 where it is not listed. int64 (n, T)."""
    return np.array([[o.target_rank or 0 for o in turn] for turn in outcomes], dtype=np.int64).T


__all__ = [
    "Trajectories",
    "Values",
    "choice_credits",
    "group_advantages",
    "play",
    "play_groups",
    "split_rewards",
    "target_ranks",
]
