"""What the dual-view retriever is trained on: conversations with constructed lists.

As in SMTPO (section 3.3.2): the text side holds the dialogue, a simulated user's feedback and an
inferred preference; the graph side the mentioned entities and a constructed list, H+, H-, S+ or S-.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from crsgym.data.dataset import Dataset
from crsgym.data.lists import LIST_KINDS, construct_list
from crsgym.protocols import Simulator
from crsgym.seeding import derive_seed
from crsgym.types import Context, Recommendation, Scenario, Turn

_LIST_LENGTH = 10


def constructed_contexts(
    dataset: Dataset,
    scenarios: Sequence[Scenario],
    simulators: Sequence[Simulator],
    *,
    lists: int,
    seed: int,
    right: float = 0.25,
    wrong: float = 0.25,
) -> list[tuple[Scenario, Context]]:
    """Turn 2 of each scenario, ``lists`` times, each after a list of another kind.

    The preference is the reference one with probability ``right``, that of a listed item with
    probability ``wrong``, and else empty: at run time it is a guess, and a retriever that learned
    from right ones only would trust every guess, and hear no feedback beside it.

    Args:
        dataset: whose catalogue and graph the lists come from.
        scenarios: of the train split.
        simulators: users, taken in turn; without any, there is no feedback.
        lists: how many lists a scenario, from 0; kinds follow one another over scenarios.
        seed: equal seeds give equal conversations.
        right: how often the preference is the reference one.
        wrong: how often it is that of a listed item.
    """
    length = min(_LIST_LENGTH, len(dataset.catalogue) // 2)
    pairs = []
    for number, scenario in enumerate(scenarios):
        for place in range(lists):
            kind = LIST_KINDS[(number + place) % len(LIST_KINDS)]
            drawn = derive_seed(seed, scenario.id, kind)
            listed = construct_list(
                dataset.graph, scenario.goal.target, kind, seed=drawn, length=length
            )
            rng = np.random.default_rng(drawn)
            chance, preference = rng.random(), ""
            if chance < right:
                preference = scenario.goal.preference
            elif chance < right + wrong:
                guess = dataset.catalogue[listed[int(rng.integers(length))]]
                preference = dataset.writer(guess, scenario.dialogue)
            answer = Recommendation(slots=listed, preference=preference)
            context = Context(scenario.dialogue, (Turn("", listed, "", answer),))
            pairs.append((scenario, context))
    for number, simulator in enumerate(simulators):
        mine = range(number, len(pairs), len(simulators))
        goals = [pairs[i][0].goal for i in mine]
        seeds = [derive_seed(seed, pairs[i][0].id, i) for i in mine]
        said = simulator.respond(
            [pairs[i][1] for i in mine], seeds, goals if simulator.target_aware else None
        )
        for i, feedback in zip(mine, said, strict=True):
            pairs[i] = (pairs[i][0], replace(pairs[i][1], feedback=feedback))
    return pairs


__all__ = ["constructed_contexts"]
