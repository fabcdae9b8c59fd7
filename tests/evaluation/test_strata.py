"""Strata part the set as they say."""

from __future__ import annotations

import numpy as np

from crsgym.evaluation.strata import STRATA, is_repeat, stratify
from crsgym.types import Goal, Scenario, Utterance


def scenario(target: int, *mentioned: tuple[int, ...]) -> Scenario:
    dialogue = tuple(Utterance("seeker", "...", items) for items in mentioned)
    return Scenario(f"s{target}", "d", dialogue, Goal(target, ""))


def test_by_hand() -> None:
    scenarios = [
        scenario(0, (1,), (0, 2)),
        scenario(1, (0,), (2,)),
        scenario(2),
        scenario(3, (3, 3)),
    ]
    masks = stratify(scenarios, np.array([4, 1, 0, 0]))
    assert list(masks) == list(STRATA)
    assert masks["all"].tolist() == [True] * 4
    assert masks["repeat"].tolist() == [True, False, False, True]
    assert masks["new"].tolist() == [False, True, True, False]
    assert masks["cold"].tolist() == [False, False, True, True]
    assert [is_repeat(one) for one in scenarios] == masks["repeat"].tolist()
