"""The numeric view: what it shows, what it answers, and PPO of Stable-Baselines3 on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env

import crsgym
from crsgym.env import CRSEnv
from crsgym.errors import ConfigurationError
from crsgym.integrations.features import FEATURES, STATE
from crsgym.integrations.sb3 import NumericView
from crsgym.task import Task


@pytest.fixture
def env(toy_task: Task) -> CRSEnv:
    return CRSEnv(toy_task)


def test_the_observation_is_the_features_of_candidates_and_turn(env: CRSEnv) -> None:
    view = NumericView(env)
    observation, _ = view.reset(seed=0, options={"scenario": 0})
    assert view.observation_space.contains(observation)
    x = observation[: 6 * len(FEATURES)].reshape(6, len(FEATURES))
    # The toy retriever offers items 0 .. 5 at turn 1, and the dialogue has mentioned item 0.
    assert x[:, FEATURES.index("retriever_inverse_rank")] == pytest.approx(1 / np.arange(1, 7))
    assert x[:, FEATURES.index("mentioned")].tolist() == [1, 0, 0, 0, 0, 0]
    assert observation[6 * len(FEATURES) + STATE.index("turn_1")] == 1


def test_scores_list_the_best_candidates_first(env: CRSEnv) -> None:
    view = NumericView(env)
    view.reset(seed=0, options={"scenario": 0})
    *_, info = view.step(np.array([0.0, 0.3, 0.1, 0.9, 0.3, -1.0]))
    titles = env.world.catalogue.titles
    # Equal scores keep the retriever's order.
    assert info["items"] == (titles[3], titles[1], titles[4])


def test_a_choice_goes_before_the_retrievers_order(env: CRSEnv) -> None:
    view = NumericView(env, action="first")
    assert view.action_space == spaces.Discrete(6)
    view.reset(seed=0, options={"scenario": 0})
    *_, info = view.step(np.int64(4))
    titles = env.world.catalogue.titles
    assert info["items"] == (titles[4], titles[0], titles[1])


@pytest.mark.parametrize(
    ("kind", "action"),
    [("scores", [0.0] * 5), ("scores", [np.nan] * 6), ("first", 6), ("first", -1)],
)
def test_an_action_that_cannot_be_read_is_refused(env: CRSEnv, kind: Any, action: Any) -> None:
    view = NumericView(env, action=kind)
    view.reset(seed=0)
    with pytest.raises(ValueError, match="expected"):
        view.step(action)


def test_an_unknown_kind_of_action_is_refused(env: CRSEnv) -> None:
    with pytest.raises(ConfigurationError, match="scores"):
        NumericView(env, action="best")  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
@pytest.mark.parametrize("kind", ["scores", "first"])
def test_it_is_a_gymnasium_environment(kind: Any) -> None:
    made = crsgym.make("Synthetic-v0", retriever="popularity", limit=8)
    check_env(NumericView(made, action=kind), skip_render_check=True)


@pytest.mark.parametrize("kind", ["scores", "first"])
def test_ppo_trains_on_it_unchanged(kind: Any, toy_task: Task, tmp_path: Path) -> None:
    sb3 = pytest.importorskip("stable_baselines3")
    env = NumericView(CRSEnv(toy_task), action=kind)
    model = sb3.PPO("MlpPolicy", env, n_steps=32, batch_size=32, n_epochs=2, seed=0, device="cpu")
    before = [parameter.detach().clone() for parameter in model.policy.parameters()]
    model.learn(96)
    assert model.num_timesteps == 96
    after = list(model.policy.parameters())
    assert any(not old.equal(new) for old, new in zip(before, after, strict=True))
    assert all(bool(new.isfinite().all()) for new in after)
    model.save(tmp_path / "ppo")
    observation, _ = env.reset(seed=3)
    action, _ = sb3.PPO.load(tmp_path / "ppo").predict(observation, deterministic=True)
    assert env.action_space.contains(action if kind == "scores" else np.int64(action))
