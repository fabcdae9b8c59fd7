"""The Gymnasium environment: conformance, determinism, what `info` tells and when."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env, data_equivalence

import crsgym
from crsgym.actions import format_answer
from crsgym.env import CRSEnv
from crsgym.errors import ConfigurationError
from crsgym.task import Task
from crsgym.types import Goal, State, from_json, to_json

NEEDS = {
    "INSPIRED-v0": pytest.mark.requires_dataset("inspired"),
    "ReDial-v0": pytest.mark.requires_dataset("redial"),
    "OpenDialKG-v0": pytest.mark.requires_dataset("opendialkg"),
}
ALL_IDS = [pytest.param(id, marks=NEEDS.get(id, ())) for id in crsgym.envs()]


def split_of(id: str) -> str:
    return "valid" if id == "ReDial-v0" else "train"


def options_of(id: str) -> dict[str, Any]:
    """ReDial's train split, on which its retriever is fitted, is not among the test data."""
    return {"retriever": "content"} if id == "ReDial-v0" else {}


@pytest.mark.parametrize("id", ALL_IDS)
def test_conformance(id: str) -> None:
    env = crsgym.make(id, split=split_of(id), **options_of(id))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env, skip_render_check=True)


@pytest.mark.parametrize("id", ALL_IDS)
def test_gymnasium_makes_it(id: str) -> None:
    env = gymnasium.make(f"crsgym:crsgym/{id}", split=split_of(id), max_turns=2, **options_of(id))
    observation, info = env.reset(seed=1)
    assert observation in env.observation_space
    assert isinstance(env.unwrapped, CRSEnv)
    for turn in (1, 2):
        observation, _, terminated, truncated, info = env.step("no list")
        assert observation in env.observation_space
        assert info["turn"] == turn
        assert not terminated
        assert truncated == (turn == 2)


def test_render_modes_conform(toy_task: Task) -> None:
    env = CRSEnv(toy_task, render_mode="ansi")
    env.reset(seed=0)
    env.step("nothing")
    text = env.render()
    assert isinstance(text, str)
    assert "Turn 1" in text


def roll(env: CRSEnv, seed: int, answers: list[str]) -> list[Any]:
    seen: list[Any] = [env.reset(seed=seed)]
    for answer in answers:
        seen.append(env.step(answer))
        if seen[-1][2] or seen[-1][3]:
            break
    return seen


def test_same_seed_same_episode(toy_task: Task) -> None:
    answers = ["", "RANK LIST: [M (1931)]", "x"]
    for seed in range(5):
        first = roll(CRSEnv(toy_task), seed, answers)
        again = roll(CRSEnv(toy_task), seed, answers)
        assert data_equivalence(first, again)


def test_seeds_reach_every_scenario(toy_task: Task) -> None:
    env = CRSEnv(toy_task)
    drawn = {env.reset(seed=seed)[1]["scenario_id"] for seed in range(60)}
    assert drawn == {scenario.id for scenario in toy_task.scenarios}


def test_a_scenario_can_be_chosen(toy_task: Task) -> None:
    env = CRSEnv(toy_task)
    third = toy_task.scenarios[3].id
    assert env.reset(options={"scenario": 3})[1]["scenario_id"] == third
    assert env.reset(options={"scenario": np.int64(3)})[1]["scenario_id"] == third
    assert env.reset(options={"scenario": third})[1]["scenario_id"] == third
    with pytest.raises(ConfigurationError, match="out of range: Toy-v0 train has 4"):
        env.reset(options={"scenario": 4})
    with pytest.raises(ConfigurationError, match=f"did you mean {third!r}"):
        env.reset(options={"scenario": third + "0"})
    with pytest.raises(ConfigurationError, match="did you mean 'scenario'"):
        env.reset(options={"scenaro": 3})
    with pytest.raises(ConfigurationError, match="must be an id or an index"):
        env.reset(options={"scenario": 1.5})


def test_steps_out_of_order(toy_task: Task) -> None:
    env = CRSEnv(toy_task)
    with pytest.raises(ResetNeeded):
        env.step("too early")
    with pytest.raises(ResetNeeded):
        _ = env.state
    env.reset(options={"scenario": 0})
    env.step("RANK LIST: [The Long Road (1999)]")
    with pytest.raises(ResetNeeded):
        env.step("too late")


def test_info(toy_task: Task) -> None:
    env = CRSEnv(toy_task)
    _, info = env.reset(options={"scenario": 0}, seed=0)
    assert info == {"scenario_id": "d0/1/0", "turn": 0}
    *_, info = env.step("RANK LIST: [Amelie, Halloween, Amélie (2001), The Moon (1902)]")
    assert set(info) == {"scenario_id", "turn", "reward_terms", "answer_issues", "items"}
    assert info["items"] == ("Amélie (2001)",)
    assert {"ambiguous_title", "duplicate_title", "no_think", "too_many_titles"} <= set(
        info["answer_issues"]
    )
    assert all(isinstance(value, float) for value in info["reward_terms"].values())
    *_, info = env.step("RANK LIST: [M (1931), The Long Road (1999)]")
    assert info["target"] == "The Long Road (1999)"
    assert info["target_rank"] == 2
    assert info["candidate_rank"] == 2


def test_reveal_tells_the_ranks_early(toy_task: Task) -> None:
    env = CRSEnv(toy_task, reveal=True)
    env.reset(options={"scenario": 0})
    *_, info = env.step("nothing")
    assert info["target_rank"] is None
    assert info["candidate_rank"] == 3


def test_info_does_not_depend_on_the_target(toy_task: Task) -> None:
    scenario = toy_task.scenarios[0]
    twin = dataclasses.replace(scenario, goal=Goal(target=9, preference="another"))
    seen = []
    for s in (scenario, twin):
        env = CRSEnv(dataclasses.replace(toy_task, scenarios=(s,)))
        steps = [env.reset(seed=4)]
        for answer in ("", format_answer(["Face/Off (1997)"], preference="action")):
            observation, _, terminated, truncated, info = env.step(answer)
            assert not terminated
            assert not truncated
            info.pop("reward_terms")
            steps.append((observation, info))
        seen.append(steps)
    assert data_equivalence(seen[0], seen[1])


def test_clone_goes_its_own_way(toy_task: Task) -> None:
    env = CRSEnv(toy_task)
    env.reset(seed=2)
    env.step("x")
    twin = env.clone()
    assert data_equivalence(env.step("y"), twin.step("y"))
    before = env.state
    twin.step("z")
    assert env.state == before
    assert data_equivalence(env.reset(), twin.reset())


def test_restore_continues_the_same_episode(toy_task: Task) -> None:
    env = CRSEnv(toy_task)
    env.reset(seed=2)
    env.step("x")
    saved = from_json(to_json(env.state), State)
    rest = [env.step("y"), env.step("RANK LIST: [M (1931)]")]
    other = CRSEnv(toy_task)
    observation = other.restore(saved)
    assert observation["turn"] == 2
    assert data_equivalence([other.step("y"), other.step("RANK LIST: [M (1931)]")], rest)
    with pytest.raises(TypeError, match="expected a State"):
        other.restore("state")  # type: ignore[arg-type]


def test_a_state_of_another_environment_is_refused(toy_task: Task) -> None:
    env = CRSEnv(toy_task)
    env.reset(seed=2)
    env.step("x")
    state = env.state
    beyond = dataclasses.replace(state.scenario, goal=Goal(12, ""))
    for wrong, message in (
        (dataclasses.replace(state, candidates=state.candidates[1:]), "5 candidates instead of 6"),
        (dataclasses.replace(state, candidates=(-1, *state.candidates[1:])), "beyond this catal"),
        (dataclasses.replace(state, scenario=beyond), "beyond this catalogue of 12"),
        (
            dataclasses.replace(
                state, context=dataclasses.replace(state.context, turns=state.context.turns * 5)
            ),
            "5 turns instead of at most 4",
        ),
    ):
        with pytest.raises(ConfigurationError, match=message):
            env.restore(wrong)
        assert env.state == state


def test_copies_and_clones_draw_the_same(toy_task: Task) -> None:
    for prepared in (True, False):
        env = CRSEnv(toy_task)
        if prepared:
            env.reset(seed=2)
        for twin in (copy.deepcopy(env), env.clone()):
            twin_draws = [twin.reset() for _ in range(8)]
            assert data_equivalence([env.clone().reset()], twin_draws[:1])
        assert env.task is twin.task
    assert copy.deepcopy(env.clone()).task is env.task


@pytest.mark.parametrize("simulator", ["rules", "attributes"])
def test_a_pickled_environment_steps_identically(simulator: str) -> None:
    env = crsgym.make(
        "Synthetic-v0", split="valid", retriever="lexical", simulator=simulator, success="never"
    )
    observation, _ = env.reset(seed=3)
    env.step(format_answer(observation["candidates"][:10], preference="a drama"))
    twin = pickle.loads(pickle.dumps(env))
    for _ in range(2):
        for answer in ("", format_answer(observation["candidates"][5:15])):
            assert data_equivalence(twin.step(answer), env.step(answer))
        assert data_equivalence(twin.reset(), env.reset())


@pytest.mark.parametrize("options", ["scenario", ["scenario"], 3, {"scenari": 0}, {3: 3}])
def test_options_that_are_none(toy_task: Task, options: object) -> None:
    with pytest.raises(ConfigurationError, match="scenario"):
        CRSEnv(toy_task).reset(seed=0, options=options)  # type: ignore[arg-type]


def test_reveal_is_a_flag(toy_task: Task) -> None:
    with pytest.raises(ConfigurationError, match="reveal must be True or False; got 'no'"):
        CRSEnv(toy_task, reveal="no")  # type: ignore[arg-type]


def test_unknown_render_mode(toy_task: Task) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'ansi'"):
        CRSEnv(toy_task, render_mode="ansii")


def test_human_rendering_prints(toy_task: Task, capsys: pytest.CaptureFixture[str]) -> None:
    env = CRSEnv(toy_task, render_mode="human")
    env.reset(options={"scenario": 0})
    env.step("RANK LIST: [The Long Road (1999)]")
    printed = capsys.readouterr().out
    assert "The Long Road (1999)" in printed
    assert "target listed at 1" in printed
