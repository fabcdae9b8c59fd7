"""Other views of a conversation."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest

from crsgym.cli import main
from crsgym.env import CRSEnv
from crsgym.episodes import read_episodes
from crsgym.errors import ConfigurationError
from crsgym.task import Task
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


def test_record_episodes(
    toy_task: Task, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "episodes.jsonl"
    env = RecordEpisodes(CRSEnv(toy_task), path)
    for scenario in (0, 1):
        env.reset(options={"scenario": scenario})
        for _ in range(4):
            env.step("x")
    with pytest.raises(ConfigurationError, match="being written by another run"):
        RecordEpisodes(CRSEnv(toy_task), path)
    env.close()
    env = RecordEpisodes(CRSEnv(toy_task), path)
    env.reset(options={"scenario": 0})
    for _ in range(4):
        env.step("x")
    env.close()
    env.close()
    header, episodes = read_episodes(path)
    assert (header.env, header.hash, header.seed) == (toy_task.id, toy_task.hash, None)
    played = [toy_task.scenarios[0], toy_task.scenarios[1], toy_task.scenarios[0]]
    assert [episode.scenario for episode in episodes] == played
    assert all(len(episode.steps) == 4 for episode in episodes)
    assert main(["view", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "truncated; target:" in shown
    assert "Toy-v0: 3 of 3 episodes" in shown


def test_they_wrap_this_librarys_environments() -> None:
    with pytest.raises(TypeError, match=r"expected an environment of crsgym\.make"):
        RankCandidates(gymnasium.make("CartPole-v1"))  # type: ignore[arg-type]
