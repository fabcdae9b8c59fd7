"""A numeric view of an environment, on which Stable-Baselines3 trains as it is.

    from stable_baselines3 import PPO
    from crsgym.integrations.sb3 import NumericView

    env = NumericView(crsgym.make("INSPIRED-v0", simulator="attributes"))
    PPO("MlpPolicy", env).learn(100_000)

The observation is one vector: the features of the candidates, in the retriever's order, then those
of the turn (:mod:`crsgym.integrations.features`). The action says how they are listed. Any trainer
of Gymnasium environments with box or discrete spaces can use it.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from crsgym.actions import format_answer
from crsgym.env import CRSEnv
from crsgym.errors import ConfigurationError
from crsgym.integrations.features import FEATURES, STATE, CandidateFeatures
from crsgym.retrieval.polarity import split_polarity
from crsgym.types import FloatArray, Observation

ActionKind = Literal["scores", "first"]

_BOUND = 10.0
"""Features are cut off here; most are within one or two."""


class NumericView(
    gymnasium.Wrapper[Any, Any, Observation, str], gymnasium.utils.RecordConstructorArgs
):
    """Candidates as numbers, answers by scores or by a choice.

    The inferred preference of an answer is what the last feedback asked for, in its own words.

    Args:
        env: an environment of :func:`crsgym.make`.
        action: ``"scores"``: a score for each candidate, a box of shape (num_candidates,); the best
            are listed, best first. Or ``"first"``: the number of the candidate that is listed
            first, before the others in the retriever's order.
        features: to share between several views of one data set; made when None.

    Raises:
        ConfigurationError: on an unknown kind of action.
        TypeError: when the environment is not of :func:`crsgym.make`.
    """

    def __init__(
        self,
        env: gymnasium.Env[Observation, str],
        *,
        action: ActionKind = "scores",
        features: CandidateFeatures | None = None,
    ) -> None:
        gymnasium.utils.RecordConstructorArgs.__init__(self, action=action)
        super().__init__(env)
        inner = env.unwrapped
        if not isinstance(inner, CRSEnv):
            raise TypeError(f"expected an environment of crsgym.make; got {type(inner).__name__}")
        if action not in get_args(ActionKind):
            raise ConfigurationError(
                f"action: expected one of {get_args(ActionKind)}; got {action!r}"
            )
        self._world = inner.world
        self._kind = action
        self._features = features or CandidateFeatures(inner.task.dataset, relist=False)
        self._last: Observation | None = None
        k = self._world.num_candidates
        self.observation_space = spaces.Box(
            -_BOUND, _BOUND, (k * len(FEATURES) + len(STATE),), np.float32
        )
        self.action_space: spaces.Space[Any] = (
            spaces.Box(-1.0, 1.0, (k,), np.float32) if action == "scores" else spaces.Discrete(k)
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[FloatArray, dict[str, Any]]:
        """Begin a conversation; see :meth:`crsgym.env.CRSEnv.reset`."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._vector(observation), info

    def step(self, action: Any) -> tuple[FloatArray, float, bool, bool, dict[str, Any]]:
        """List the candidates as the action says.

        Raises:
            ValueError: when the action has another shape, holds NaN or is out of range.
        """
        observation, reward, terminated, truncated, info = self.env.step(self.answer(action))
        return self._vector(observation), float(reward), terminated, truncated, info

    def answer(self, action: Any) -> str:
        """The answer text that an action stands for, in the running conversation."""
        if self._last is None:
            raise gymnasium.error.ResetNeeded("call reset() before step()")
        k = self._world.num_candidates
        order = _by_scores(action, k) if self._kind == "scores" else _by_first(action, k)
        titles = self._last["candidates"]
        wanted, _ = split_polarity(self._last["feedback"])
        return format_answer(
            [titles[place] for place in order[: self._world.list_length]], preference=wanted
        )

    def _vector(self, observation: Observation) -> FloatArray:
        self._last = observation
        view = self._features.read([observation])
        k = self._world.num_candidates
        flat = np.concatenate([view.x[0, :k].ravel(), view.state[0]])
        vector: FloatArray = np.clip(flat, -_BOUND, _BOUND).astype(np.float32)
        return vector


def _by_scores(action: Any, k: int) -> list[int]:
    scores = np.asarray(action, dtype=np.float64)
    if scores.shape != (k,) or np.isnan(scores).any():
        raise ValueError(f"expected {k} scores, one for each candidate; got {action!r}")
    order: npt.NDArray[np.int64] = np.argsort(-scores, kind="stable")
    return [int(place) for place in order]


def _by_first(action: Any, k: int) -> list[int]:
    first = int(action)
    if not 0 <= first < k:
        raise ValueError(f"expected the number of a candidate, 0 to {k - 1}; got {action!r}")
    return [first, *(place for place in range(k) if place != first)]


__all__ = ["ActionKind", "NumericView"]
