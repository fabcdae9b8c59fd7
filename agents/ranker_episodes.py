"""Episodes of the ranker: played as groups for learning, and greedily for choosing an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from crsgym.integrations.features import View
from crsgym.types import Goal, IntArray, Outcome, Recommendation, State

from .ranker import Choices, Ranker

if TYPE_CHECKING:
    from crsgym.task import Task

Values = npt.NDArray[np.float64]

_LIST_TERMS = ("hit", "rank")


@dataclass(frozen=True)
class Trajectories:
    """Groups of conversations: ``N = scenarios * G`` of ``T`` turns each, stacked turn by turn."""

    view: View
    """What was seen, ``T * N`` rows."""
    choices: Choices
    """What was answered, likewise."""
    lists: Tensor
    """``M`` further lists for each of these states, columns of the view, (T * N, M, L)."""
    targets: Tensor
    """Column of the target, -1 where it could not be listed: int64 (T * N,)."""
    outcomes: tuple[tuple[Outcome, ...], ...]
    """What the answers led to: ``T`` times ``N``."""


def play_groups(
    ranker: Ranker, task: Task, states: Sequence[State], *, lists: int, generator: torch.Generator
) -> Trajectories:
    """Play conversations to their end, with answers drawn from the policy.

    Args:
        ranker: plays.
        task: whose scenarios they are; of the train split.
        states: at turn 1; copies of one state are a group.
        lists: further lists that are drawn in each state, and not answered.
        generator: source of the draws.
    """
    views, choices, further, outcomes = [], [], [], []
    own = [state.scenario.dialogue_id for state in states]
    for _ in range(task.world.max_turns):
        observations = task.world.observe(states)
        view = ranker.features.read(observations, own)
        chosen = ranker.sample(view, generator)
        further.append(ranker.sample_lists(view, lists, generator))
        played = task.world.advance(states, ranker.answers(observations, view, chosen))
        states = [outcome.state for outcome in played]
        views.append(view)
        choices.append(chosen)
        outcomes.append(tuple(played))
    view = View.concat(views)
    goals = np.array([outcome.state.goal.target for turn in outcomes for outcome in turn])
    found = view.items == goals[:, None]
    return Trajectories(
        view,
        Choices(torch.cat([c.lists for c in choices]), torch.cat([c.forms for c in choices])),
        torch.cat(further),
        torch.from_numpy(np.where(found.any(axis=1), found.argmax(axis=1), -1)),
        tuple(outcomes),
    )


def returns_after(rewards: Values, discount: float) -> Values:
    """Discounted sum of the rewards of later turns: (N, T) for rewards (N, T)."""
    after = np.zeros_like(rewards)
    for t in reversed(range(rewards.shape[1] - 1)):
        after[:, t] = discount * (rewards[:, t + 1] + after[:, t + 1])
    return after


def less_group_mean(values: Values, group: int) -> Values:
    """Values (N, T) less the mean of their group: ``group`` rows that follow each other."""
    grouped = values.reshape(-1, group, *values.shape[1:])
    centred: Values = (grouped - grouped.mean(axis=1, keepdims=True)).reshape(values.shape)
    return centred


def place_rewards(task: Task, length: int) -> Values:
    """What a list earns for the place of the target: float64 (length + 1,), 0th for no place.

    Asked of the task's own terms ``hit`` and ``rank``, weighted: they depend on nothing else.
    """
    rewards, goal = task.world.rewards, Goal(0, "")
    lists = [
        Recommendation(
            slots=tuple(0 if place == target else place for place in range(1, length + 1))
        )
        for target in range(length + 1)
    ]
    earned = np.zeros(length + 1)
    for name in _LIST_TERMS:
        if name in rewards.weights:
            values = rewards.terms[name](lists, [goal] * len(lists))
            earned += rewards.weights[name] * np.asarray(values, dtype=np.float64)
    return earned


def place_credits(lists: Tensor, targets: Tensor, earned: Tensor) -> Tensor:
    """What each place of several lists for one state may have caused, less the mean over the lists.

    A place is credited with the reward of its list unless the target stood before it: what is
    listed behind the target earns nothing (rank-level credit, as in Rank-GRPO, arXiv 2510.20150).

    Args:
        lists: columns, int64 (B, M, L).
        targets: column of the target, or -1: int64 (B,).
        earned: what a list earns by the place of the target, as :func:`place_rewards`: (L + 1,).

    Returns:
        (B, M, L), of mean 0 over M.
    """
    at = lists == targets[:, None, None]
    reward = (at * earned[1 : lists.shape[2] + 1]).sum(dim=2, keepdim=True)
    before = at.cumsum(dim=2) - at.long()
    caused = torch.where(before > 0, 0.0, reward)
    return caused - caused.mean(dim=1, keepdim=True)


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
        return sum(weights[name] * terms[name] for name in _LIST_TERMS if name in weights)

    total = np.array([[outcome.reward for outcome in turn] for turn in outcomes]).T
    listed = np.array([[earned(outcome) for outcome in turn] for turn in outcomes]).T
    return listed, total - listed


def target_ranks(outcomes: Sequence[Sequence[Outcome]]) -> IntArray:
    """Place of the target in each list, from 1; 0 where it is not listed. int64 (n, T)."""
    return np.array([[o.target_rank or 0 for o in turn] for turn in outcomes], dtype=np.int64).T


__all__ = [
    "Trajectories",
    "Values",
    "less_group_mean",
    "place_credits",
    "place_rewards",
    "play",
    "play_groups",
    "returns_after",
    "split_rewards",
    "target_ranks",
]
