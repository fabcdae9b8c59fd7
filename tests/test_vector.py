"""The vector environment: the same episodes as single ones, in any number and order."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode
from hypothesis import given
from hypothesis import strategies as st

import crsgym
from crsgym.env import CRSEnv
from crsgym.errors import ConfigurationError
from crsgym.task import Task
from crsgym.vector import CRSVectorEnv, _stack

HIT = "RANK LIST: [The Long Road (1999), Halloween (1978), Halloween (2018), [Rec] (2007)]"


def row(observation: dict[str, Any], i: int) -> dict[str, Any]:
    return {
        **{key: value[i] for key, value in observation.items()},
        "turn": int(observation["turn"][i]),
    }


def test_it_is_a_vector_env(toy_task: Task) -> None:
    envs = CRSVectorEnv(toy_task, 3)
    assert isinstance(envs, gymnasium.vector.VectorEnv)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    observation, info = envs.reset(seed=0)
    assert observation in envs.observation_space
    assert observation["candidate_ids"].shape == (3, 6)
    assert info["_scenario_id"].all()
    envs.action_space.seed(7)  # lists that do not hit: an end would leave no turn's info
    actions = envs.action_space.sample()
    assert actions in envs.action_space
    observation, rewards, terminated, truncated, info = envs.step(actions)
    assert observation in envs.observation_space
    assert rewards.shape == terminated.shape == truncated.shape == (3,)
    assert rewards.dtype == np.float64
    assert not (terminated | truncated).any()
    assert info["reward_terms"]["hit"].shape == (3,)


def test_equal_to_single_environments_through_autoresets(toy_task: Task) -> None:
    """64 conversations, 12 steps, many episodes: each row is what a CRSEnv of its seed plays."""
    count, steps = 64, 12
    rng = np.random.default_rng(0)
    answers = [[("", "x", HIT)[j] for j in rng.integers(3, size=count)] for _ in range(steps)]
    envs = CRSVectorEnv(toy_task, count)
    singles = [CRSEnv(toy_task) for _ in range(count)]
    observation, _ = envs.reset(seed=100)
    for i, env in enumerate(singles):
        assert data_equivalence(env.reset(seed=100 + i)[0], row(observation, i))
    ended = 0
    for actions in answers:
        observation, rewards, terminated, truncated, info = envs.step(actions)
        for i, env in enumerate(singles):
            seen, reward, end, cut, single_info = env.step(actions[i])
            assert (reward, end, cut) == (rewards[i], terminated[i], truncated[i])
            if end or cut:
                ended += 1
                assert data_equivalence(info["final_obs"][i], seen)
                assert info["final_info"]["target_rank"][i] == single_info["target_rank"]
                seen, single_info = env.reset()
            assert info["scenario_id"][i] == single_info["scenario_id"]
            assert data_equivalence(seen, row(observation, i))
    assert ended > 100


def test_order_of_the_environments_does_not_matter(toy_task: Task) -> None:
    forwards, backwards = CRSVectorEnv(toy_task, 8), CRSVectorEnv(toy_task, 8)
    forwards.reset(seed=list(range(8)))
    backwards.reset(seed=list(range(8))[::-1])
    for answer in ("x", "", "y"):
        forwards.step([answer] * 8)
        backwards.step([answer] * 8)
        assert forwards.states == backwards.states[::-1]


def test_scenarios_per_environment(toy_task: Task) -> None:
    envs = CRSVectorEnv(toy_task, 3)
    _, info = envs.reset(seed=0, options={"scenario": [2, "d0/1/0", None]})
    assert info["scenario_id"][0] == toy_task.scenarios[2].id
    assert info["scenario_id"][1] == "d0/1/0"
    _, info = envs.reset(options={"scenario": 1})
    assert set(info["scenario_id"]) == {toy_task.scenarios[1].id}


def test_disabled_autoreset(toy_task: Task) -> None:
    envs = CRSVectorEnv(toy_task, 2, autoreset_mode="Disabled")
    envs.reset(seed=0, options={"scenario": 0})
    observation, _, terminated, _, info = envs.step([HIT, "x"])
    assert terminated.tolist() == [True, False]
    assert observation["turn"].tolist() == [2, 2]
    assert "final_obs" not in info
    with pytest.raises(ResetNeeded, match=r"episodes \[0\] have ended"):
        envs.step(["x", "x"])
    observation, info = envs.reset(options={"reset_mask": np.array([True, False])})
    assert observation["turn"].tolist() == [1, 2]
    assert info["_scenario_id"].tolist() == [True, False]
    envs.step(["x", "x"])


def test_restore(toy_task: Task) -> None:
    envs = CRSVectorEnv(toy_task, 2)
    envs.reset(seed=1)
    saved = envs.states
    first = envs.step(["x", "y"])
    envs.restore(saved)
    assert data_equivalence(envs.step(["x", "y"]), first)
    with pytest.raises(ValueError, match="expected 2 states"):
        envs.restore(saved[:1])
    with pytest.raises(TypeError, match="expected a State"):
        envs.restore([saved[0], "state"])  # type: ignore[list-item]
    assert envs.states[0].context.turn == 2


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.DISABLED])
def test_an_autoreset_mode_by_member_value_or_name(toy_task: Task, mode: AutoresetMode) -> None:
    for written in (mode, mode.value, mode.name, mode.name.lower(), mode.value.lower()):
        assert CRSVectorEnv(toy_task, autoreset_mode=written).metadata["autoreset_mode"] is mode


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_envs": 0}, "num_envs must be at least 1"),
        ({"num_envs": "4"}, "num_envs must be an integer"),
        ({"autoreset_mode": "NextStep"}, "'SameStep' or 'Disabled'; got 'NextStep', which wastes"),
        ({"autoreset_mode": AutoresetMode.NEXT_STEP}, "'Disabled'; got .*, which wastes"),
        ({"autoreset_mode": "Never"}, "must be 'SameStep' or 'Disabled'; got 'Never'$"),
        ({"autoreset_mode": None}, "must be 'SameStep' or 'Disabled'; got None$"),
        ({"render_mode": "human"}, "renders as 'ansi' or 'html'"),
    ],
)
def test_wrong_settings(toy_task: Task, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        CRSVectorEnv(toy_task, **arguments)


def test_wrong_calls(toy_task: Task) -> None:
    envs = CRSVectorEnv(toy_task, 2)
    with pytest.raises(ResetNeeded):
        envs.step(["x", "y"])
    with pytest.raises(ConfigurationError, match="first reset must reset every"):
        envs.reset(options={"reset_mask": np.array([True, False])})
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="expected 2 answers"):
        envs.step(["x"])
    with pytest.raises(ConfigurationError, match="must hold 2 values"):
        envs.reset(options={"scenario": [0, 1, 2]})
    with pytest.raises(ConfigurationError, match="did you mean 'scenario'"):
        envs.reset(options={"scenarios": 0})
    with pytest.raises(ConfigurationError, match="options must be a dict"):
        envs.reset(options=[0, 1])  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="seed must be one value or a list"):
        envs.reset(seed=1.5)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="bool array"):
        envs.reset(options={"reset_mask": [True, False]})


@given(
    st.dictionaries(
        st.integers(0, 4),
        st.dictionaries(
            st.sampled_from("abc"),
            st.sampled_from([1, 2.5, True, None, "x", (1, 2), (), {"d": 1.0}, {"e": None, "d": 2}]),
        ),
        max_size=5,
    )
)
def test_infos_are_stacked_as_gymnasium_stacks_them(infos: dict[int, dict[str, Any]]) -> None:
    stacked = _stack(infos, 5)
    keys = {key for info in infos.values() for key in info}
    assert set(stacked) == keys | {f"_{key}" for key in keys}
    for key in keys:
        values = {i: info[key] for i, info in infos.items() if key in info}
        assert stacked[f"_{key}"].tolist() == [i in values for i in range(5)]
        if all(isinstance(value, dict) for value in values.values()):
            assert data_equivalence(stacked[key], _stack(values, 5))
            continue
        kinds = {type(value) for value in values.values()}
        numbers = len(kinds) == 1 and kinds <= {int, float, bool}
        assert stacked[key].dtype == (kinds.pop() if numbers else object)
        blank = 0 if numbers else None
        assert stacked[key].tolist() == [values.get(i, blank) for i in range(5)]


def test_rendering(toy_task: Task) -> None:
    envs = CRSVectorEnv(toy_task, 2, render_mode="html")
    envs.reset(seed=0)
    envs.step(["<script>alert(1)</script>", "x"])
    pages = envs.render()
    assert pages is not None
    assert len(pages) == 2
    assert "<script>" not in pages[0]


def test_gymnasium_make_vec() -> None:
    envs = gymnasium.make_vec("crsgym/Synthetic-v0", num_envs=4, split="valid")
    assert isinstance(envs, CRSVectorEnv)
    observation, _ = envs.reset(seed=0)
    assert len(observation["dialogue"]) == 4
    twin = crsgym.make_vec("Synthetic-v0", 4, split="valid")
    assert data_equivalence(twin.reset(seed=0)[0], observation)


def test_gymnasiums_own_vector_of_single_environments() -> None:
    own = gymnasium.make_vec(
        "crsgym/Synthetic-v0",
        num_envs=2,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
        split="valid",
        max_turns=2,
    )
    batched = crsgym.make_vec("Synthetic-v0", 2, split="valid", max_turns=2)
    assert data_equivalence(own.reset(seed=3)[0], batched.reset(seed=3)[0])
    for _ in range(4):
        ours, theirs = batched.step(["x", "RANK LIST: [y]"]), own.step(["x", "RANK LIST: [y]"])
        assert data_equivalence(ours[0], theirs[0])
        for part in (1, 2, 3):
            assert ours[part].tolist() == theirs[part].tolist()
