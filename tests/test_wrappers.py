"""Other views of a conversation."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest

from crsgym.env import CRSEnv
from crsgym.errors import ConfigurationError
from crsgym.task import Task
from crsgym.types import Episode, from_json
from crsgym.wrappers import ChatObservation, RankCandidates, RecordEpisodes


def test_chat_observation(toy_task: Task) -> None:
    env = ChatObservation(CRSEnv(toy_task))
    messages, _ = env.reset(options={"scenario": 0}, seed=0)
    assert messages in env.observation_space
    assert messages[-1]["role"] == "user"
    assert "Crazy, Stupid, Love (2011)" in messages[-1]["content"]
    messages, *_ = env.step("x")
    assert "none fits" in messages[-1]["content"]


def test_rank_candidates(toy_task: Task) -> None:
    env = RankCandidates(CRSEnv(toy_task))
    env.reset(options={"scenario": 0}, seed=0)
    assert env.action_space.shape == (3,)
    *_, info = env.step(np.array([5, 0, 0]))
    assert info["items"] == ("[Rec] (2007)", "Night Train (1950)")
    _, _, terminated, _, info = env.step(np.array([1, 0, 3]))
    assert terminated
    assert info["target_rank"] == 1
    for wrong in ([0.5, 1, 2], 3):
        with pytest.raises(TypeError, match="vector of candidate positions"):
            env.action(wrong)
    with pytest.raises(ValueError, match="positions run from 0 to 5"):
        env.action([6, 1, 2])


def test_record_episodes(toy_task: Task, tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    env = RecordEpisodes(CRSEnv(toy_task), path)
    for scenario in (0, 1):
        env.reset(options={"scenario": scenario})
        for _ in range(4):
            env.step("x")
    lines = path.read_bytes().splitlines()
    episodes = [from_json(line, Episode) for line in lines]
    assert [episode.scenario for episode in episodes] == list(toy_task.scenarios[:2])
    assert all(len(episode.steps) == 4 for episode in episodes)
    with pytest.raises(ConfigurationError, match="there is no directory"):
        RecordEpisodes(CRSEnv(toy_task), tmp_path / "missing" / "episodes.jsonl")


def test_they_wrap_this_librarys_environments() -> None:
    with pytest.raises(TypeError, match=r"expected an environment of crsgym\.make"):
        RankCandidates(gymnasium.make("CartPole-v1"))  # type: ignore[arg-type]
