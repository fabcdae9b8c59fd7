"""Conversations after the first turn, made from training scenarios, for the hybrid to learn from.

Feedback is a simulated user's, as in SMTPO (section 3.3.2). The lists are what the retriever itself
would offer: constructed ones (H+, H-, S+, S-) resemble the target, or avoid to, as no list of a
recommender does, and weights learned from them misread every real one. The inferred preference
is right, wrong or missing, a third each: learned from right ones only, every later one is trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from crsgym.data.dataset import Dataset
from crsgym.protocols import Simulator
from crsgym.seeding import derive_seed
from crsgym.types import Context, IntArray, Recommendation, Scenario, Turn

_MOST_TURNS = 3


def later_contexts(
    dataset: Dataset,
    scenarios: Sequence[Scenario],
    simulators: Sequence[Simulator],
    offers: IntArray,
    *,
    seed: int,
    list_length: int = 10,
) -> list[Context]:
    """One conversation with one to three finished turns for each scenario.

    Args:
        dataset: what the scenarios are from.
        scenarios: of the train split.
        simulators: users; each conversation has one of them.
        offers: what a retriever offers at turn 1, best first, int64 (scenarios, k); ``k`` of three
            lists lasts for all turns.
        seed: equal seeds give equal conversations.
        list_length: entries of a list; fewer in a catalogue that is smaller.
    """
    length = min(list_length, len(dataset.catalogue) // 2)
    draws = [np.random.default_rng(derive_seed(seed, scenario.id)) for scenario in scenarios]
    depth = [int(rng.integers(1, _MOST_TURNS + 1)) for rng in draws]
    user = [int(rng.integers(len(simulators))) for rng in draws]
    contexts = [Context(scenario.dialogue) for scenario in scenarios]
    for played in range(_MOST_TURNS):
        going = [i for i, turns in enumerate(depth) if turns > played]
        for i in going:
            contexts[i] = _answered(
                dataset, scenarios[i], contexts[i], offers[i].tolist(), draws[i], length
            )
        for number, simulator in enumerate(simulators):
            mine = [i for i in going if user[i] == number]
            goals = [scenarios[i].goal for i in mine]
            seeds = [derive_seed(seed, scenarios[i].id, played) for i in mine]
            said = simulator.respond(
                [contexts[i] for i in mine], seeds, goals if simulator.target_aware else None
            )
            for i, feedback in zip(mine, said, strict=True):
                contexts[i] = replace(contexts[i], feedback=feedback)
    return contexts


def _answered(
    dataset: Dataset,
    scenario: Scenario,
    context: Context,
    offer: Sequence[int],
    rng: np.random.Generator,
    length: int,
) -> Context:
    """The conversation with one more turn, whose feedback is still to come."""
    # A recommender may stay with its list, or go on to what it has not shown.
    stays = rng.random() < 0.5
    seen = set() if stays else {i for turn in context.turns for i in turn.recommendation.items}
    listed = tuple([item for item in offer if item not in seen][:length])
    preference = ("", scenario.goal.preference, "wrong")[int(rng.integers(3))]
    if preference == "wrong":
        # Of no listed item: it would teach that what was listed and preferred is not wanted.
        others = [item for item in offer if item not in listed and item != scenario.goal.target]
        guess = others[int(rng.integers(len(others)))] if others else None
        preference = (
            "" if guess is None else dataset.writer(dataset.catalogue[guess], context.dialogue)
        )
    answer = Recommendation(slots=listed, preference=preference)
    turn = Turn(context.feedback, listed, "", answer)
    return Context(context.dialogue, (*context.turns, turn))


__all__ = ["later_contexts"]
