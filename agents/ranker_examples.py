"""Supervised examples for the ranker, as the method makes them (SMTPO, section 3.4.1).

The recorded first turn of every scenario, and a turn after a constructed list (H+, H-, S+, S-) with
the user's feedback on it. The gold list begins with the target; the gold forms of the preference
are those near the reference preference, in proportion to ``exp(cosine / 0.1)``: a hard choice would
leave reinforcement learning nothing to try.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from crsgym.actions import format_answer
from crsgym.data.lists import LIST_KINDS, construct_list
from crsgym.integrations.features import View
from crsgym.rewards import PreferenceSimilarity
from crsgym.seeding import derive_seed
from crsgym.types import FloatArray, Observation, Recommendation, State

from .ranker import Ranker
from .ranker_config import RankerConfig
from .wishes import FORMS

if TYPE_CHECKING:
    from crsgym.task import Task

_SOFTNESS = 0.1


@dataclass(frozen=True)
class Examples:
    """Supervised examples: what was seen, and what should have been chosen."""

    view: View
    targets: Tensor
    """Column of the target, int64 (N,); -1 where it is not there."""
    forms: Tensor
    """Share of each form of the preference, float32 (N, forms)."""


def supervised_examples(task: Task, ranker: Ranker, config: RankerConfig) -> Examples:
    """The first turn of every scenario, and turns after constructed lists."""
    world = task.world
    states = world.start(task.scenarios, seed=config.seed)
    batches = [states]
    for turn in range(1, min(config.constructed + 1, world.max_turns)):
        observations = world.observe(states)
        answers = [
            _constructed(task, ranker, config, state, observation, turn)
            for state, observation in zip(states, observations, strict=True)
        ]
        states = [outcome.state for outcome in world.advance(states, answers)]
        batches.append(states)
    views, targets, forms = [], [], []
    for batch in batches:
        observations = world.observe(batch)
        view = ranker.features.read(observations, [s.scenario.dialogue_id for s in batch])
        found = view.items == np.array([state.goal.target for state in batch])[:, None]
        views.append(view)
        targets.append(np.where(found.any(axis=1), found.argmax(axis=1), -1))
        forms.append(_near_forms(task, ranker, batch, observations))
    return Examples(
        View.concat(views),
        torch.from_numpy(np.concatenate(targets)),
        torch.from_numpy(np.concatenate(forms)),
    )


def _near_forms(
    task: Task, ranker: Ranker, states: Sequence[State], observations: Sequence[Observation]
) -> FloatArray:
    """Shares of the forms, by how near they are to the reference preference: float32 (B, forms)."""
    goals = [state.goal for state in states]
    likeness = PreferenceSimilarity(task.world.rewards.encoder)
    offered = [state.candidates[: task.world.list_length] for state in states]
    values = [
        likeness(
            [
                Recommendation(preference=ranker.preference(form, observation, listed))
                for observation, listed in zip(observations, offered, strict=True)
            ],
            goals,
        )
        for form in FORMS
    ]
    weights = np.exp(np.stack(values, axis=1) / _SOFTNESS)
    shares: FloatArray = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def _constructed(
    task: Task,
    ranker: Ranker,
    config: RankerConfig,
    state: State,
    observation: Observation,
    turn: int,
) -> str:
    """An answer with a constructed list, or with what the retriever offers."""
    world = task.world
    rng = np.random.default_rng(derive_seed(config.seed, turn, state.scenario.id))
    length = min(world.list_length, len(world.catalogue) // 2)
    kind = LIST_KINDS[int(rng.integers(len(LIST_KINDS)))]
    if rng.random() < config.offered:
        listed = state.candidates[:length]
    else:
        listed = construct_list(
            task.dataset.graph,
            state.goal.target,
            kind,
            seed=int(rng.integers(2**31)),
            length=length,
        )
    # A preference of its own kind: it will not have the reference one when it plays.
    form = FORMS[int(rng.integers(len(FORMS)))]
    return format_answer(
        [world.catalogue.titles[item] for item in listed],
        preference=ranker.preference(form, observation, listed),
    )


__all__ = ["Examples", "supervised_examples"]
