"""Wrappers: other views of the same conversation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from crsgym.actions import format_answer
from crsgym.env import CRSEnv
from crsgym.episodes import EpisodeFile, RolloutHeader
from crsgym.prompts import recommender_messages
from crsgym.protocols import Message
from crsgym.spaces import UnicodeText
from crsgym.types import Observation


class ChatObservation(gymnasium.ObservationWrapper[tuple[Message, ...], str, Observation]):
    """Observations as chat messages, ready for a model's chat template."""

    def __init__(self, env: gymnasium.Env[Observation, str]) -> None:
        """Wrap an environment."""
        super().__init__(env)
        message = spaces.Dict({"role": UnicodeText(), "content": UnicodeText()})
        count = len(self.observation(_unwrapped(env).observation_space.sample()))
        self.observation_space: spaces.Space[Any] = spaces.Tuple([message] * count)

    def observation(self, observation: Observation) -> tuple[Message, ...]:
        """The messages of :func:`crsgym.prompts.recommender_messages`."""
        length = _unwrapped(self.env).world.list_length
        return tuple(recommender_messages(observation, list_length=length))


class RankCandidates(gymnasium.ActionWrapper[Observation, Any, str]):
    """Actions as positions among the candidates: int64, shape (list_length,), best first.

    Position ``j`` means the ``j``-th candidate, from 0; one that repeats is left out of the list.
    """

    def __init__(self, env: gymnasium.Env[Observation, str]) -> None:
        """Wrap an environment."""
        super().__init__(env)
        world = _unwrapped(env).world
        length = min(world.list_length, world.num_candidates)
        self.action_space = spaces.MultiDiscrete([world.num_candidates] * length)

    def action(self, action: Any) -> str:
        """The answer that lists the chosen candidates."""
        env = _unwrapped(self.env)
        positions = np.asarray(action)
        if positions.ndim != 1 or not np.issubdtype(positions.dtype, np.integer):
            raise TypeError(f"expected a vector of candidate positions; got {action!r}")
        candidates = env.state.candidates
        if positions.size and not 0 <= positions.min() <= positions.max() < len(candidates):
            raise ValueError(f"positions run from 0 to {len(candidates) - 1}; got {action!r}")
        chosen = dict.fromkeys(candidates[position] for position in positions.tolist())
        return format_answer([env.world.catalogue.titles[item] for item in chosen])


class RecordEpisodes(gymnasium.Wrapper[Observation, str, Observation, str]):
    """Append every finished episode to a file, which ``crsgym view`` shows; close it when done."""

    def __init__(
        self, env: gymnasium.Env[Observation, str], path: str | Path, *, agent: str = ""
    ) -> None:
        """Wrap an environment.

        Args:
            env: the environment.
            path: the file; it is made, with its folder, where it is not there.
            agent: name of who plays.

        Raises:
            ConfigurationError: when the file holds something else, or is in use.
            DataError: when the file is damaged elsewhere than at its end.
        """
        super().__init__(env)
        task = _unwrapped(env).task
        self.path = Path(path)
        self.agent = agent
        self._file = EpisodeFile(self.path, RolloutHeader(task.id, task.hash, agent, {}, None))

    def step(self, action: str) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Play the turn, and record the episode when it ended."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if terminated or truncated:
            self._file.append([replace(_unwrapped(self.env).episode, agent=self.agent)])
        return observation, float(reward), terminated, truncated, info

    def close(self) -> None:
        """Close the file and the environment."""
        self._file.close()
        super().close()


def _unwrapped(env: gymnasium.Env[Any, Any]) -> CRSEnv:
    inner = env.unwrapped
    if not isinstance(inner, CRSEnv):
        raise TypeError(f"expected an environment of crsgym.make; got {type(inner).__name__}")
    return inner


__all__ = ["ChatObservation", "RankCandidates", "RecordEpisodes"]
