"""Lists after one flag, and KEY=VALUE settings."""

from __future__ import annotations

import pytest

from crsgym.cli.options import parse_settings, spread
from crsgym.errors import ConfigurationError

FLAGS = ("--agents", "--set")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("E --agents a b c", "E --agents a --agents b --agents c"),
        ("E --agents a --agents b", "E --agents a --agents b"),
        ("E --agents a b --turns 2 --agents c", "E --agents a --agents b --turns 2 --agents c"),
        ("E --turns 2 3 --json", "E --turns 2 3 --json"),
        ("E --set k=1 j=2 --limit 3", "E --set k=1 --set j=2 --limit 3"),
        ("E --agents", "E --agents"),
        ("E --agents --json", "E --agents --json"),
        ("", ""),
    ],
)
def test_spread(given: str, meant: str) -> None:
    assert spread(given.split(), FLAGS) == meant.split()


def test_settings() -> None:
    assert parse_settings(
        [
            "num_candidates=50",
            "fuzzy=true",
            "encoder=minilm",
            "retriever.use_feedback=false",
            "retriever.kind=a=b",
            "simulator.seed=3",
            "reward.hit=2.5",
            "metrics=recall@1, ndcg@5",
        ]
    ) == {
        "num_candidates": 50,
        "fuzzy": True,
        "encoder": "minilm",
        "retriever_options": {"use_feedback": False, "kind": "a=b"},
        "simulator_options": {"seed": 3},
        "reward_weights": {"hit": 2.5},
        "metrics": ("recall@1", "ndcg@5"),
    }
    assert parse_settings([]) == {}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("num_candidates", "takes KEY=VALUE"),
        ("=3", "takes KEY=VALUE"),
        ("num_candidate=3", "did you mean 'num_candidates'"),
        ("retriver.k=3", "did you mean 'retriever.OPTION'"),
        ("retriever.=3", "unknown setting"),
    ],
)
def test_a_wrong_setting_says_what_is_right(setting: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_settings([setting])
