"""A report small enough to be worked by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from crsgym.evaluation.metrics import MRR, NDCG, Recall
from crsgym.evaluation.report import Report
from crsgym.evaluation.result import AgentResult, TurnFacts

TARGETS = {"one": [[1, 0, 2, 0], [1, 1, 2, 0]], "two": [[0, 0, 1, 0], [0, 3, 1, 2]]}
"""Ranks of the target by agent, turn and scenario."""
OFFERED = [[2, 5, 1, 0], [1, 1, 1, 0]]


def make_result(name: str, rows: Sequence[Sequence[int]], /, **other: object) -> AgentResult:
    turns = len(rows)
    facts = TurnFacts({"hit": 0.5}, {"no_think": 0.25}, None, None)
    later = TurnFacts({"hit": 0.75}, {}, 0.25, 0.0)
    fields: dict[str, object] = {
        "ranks": "candidates",
        "privileged": False,
        "spec": {"class": f"tests:{name}"},
        "candidate_rank": np.array(OFFERED[:turns]).T,
        "reward": np.array(rows).T / 2,
        "facts": (facts, later)[:turns],
        **other,
    }
    return AgentResult(name=name, target_rank=np.array(rows).T, **fields)  # type: ignore[arg-type]


def make_report(agents: Sequence[AgentResult], **other: object) -> Report:
    fields: dict[str, object] = {
        "env": {"id": "INSPIRED-v0", "spec": {"dataset": {"name": "toy"}}, "hash": "0123"},
        "split": "test",
        "seed": 0,
        "target_aware": False,
        "scenario_ids": ("a/1", "a/2", "b/1", "c/1"),
        "dialogue_ids": ("a", "a", "b", "c"),
        "masks": {
            "all": np.ones(4, dtype=bool),
            "new": np.array([True, True, True, False]),
            "repeat": np.array([False, False, False, True]),
            "cold": np.zeros(4, dtype=bool),
        },
        "agents": {agent.name: agent for agent in agents},
        "metrics": (Recall(1), Recall(10), NDCG(10), MRR(10)),
        "replicates": 500,
        **other,
    }
    return Report(**fields)  # type: ignore[arg-type]


@pytest.fixture
def report() -> Report:
    """Four scenarios of three dialogues, two turns, two agents; the second one is an oracle."""
    one = make_result("one", TARGETS["one"])
    two = make_result("two", TARGETS["two"], privileged=True, ranks="catalogue")
    return make_report([one, two])
