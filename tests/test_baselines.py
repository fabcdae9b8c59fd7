"""The yardsticks do what their names say, and agents are found by name."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from crsgym import baselines
from crsgym.actions import parse_answer
from crsgym.baselines import BASELINES, agent_name, is_privileged, make_agent, ranks_of
from crsgym.errors import ConfigurationError
from crsgym.task import Task
from crsgym.types import Observation, State

from .conftest import TITLES


def answers(task: Task, name: str, states: Sequence[State] | None = None) -> list[tuple[int, ...]]:
    """The items that a baseline lists for each state; the answers must be without fault."""
    world = task.world
    states = world.start(task.scenarios, seed=0) if states is None else states
    agent = make_agent(name, task)
    if is_privileged(agent):
        texts = agent.act_on_states(states)
    else:
        texts = agent.act(world.observe(states))
    read = [parse_answer(text, world.catalogue, list_length=world.list_length) for text in texts]
    assert [r.issues for r in read] == [()] * len(states)
    assert all(r.well_formed and r.steps == 5 and r.preference for r in read)
    return [r.items for r in read]


# The train targets of the toy data are 2 3 (dialogue 0, which mentions 0, then 2) and 3 5
# (dialogue 1, which mentions 1, then 3), so the popularity order is 3 (twice), 2, 5, 0, 1, 4, ...


def test_popularity(toy_task: Task) -> None:
    assert answers(toy_task, "popularity") == [(3, 2, 5)] * 4


def test_copy_puts_the_last_mentioned_first(toy_task: Task) -> None:
    assert answers(toy_task, "copy") == [(0, 3, 2), (2, 0, 3), (1, 3, 2), (3, 1, 2)]


def test_retriever(toy_task: Task) -> None:
    assert answers(toy_task, "retriever") == [(0, 1, 2)] * 4


def test_oracle(toy_task: Task) -> None:
    # Six candidates, 0 to 5, so every target is one.
    assert answers(toy_task, "oracle") == [(2, 0, 1), (3, 0, 1), (3, 0, 1), (5, 0, 1)]


def test_oracle_lists_the_target_only_where_it_was_offered(toy_task: Task) -> None:
    world = toy_task.world
    states = world.start(toy_task.scenarios, seed=0)
    hidden = [
        State(s.scenario, s.seed, s.context, tuple(i for i in s.candidates if i != s.goal.target))
        for s in states
    ]
    assert answers(toy_task, "oracle", hidden) == [(0, 1, 3), (0, 1, 2), (0, 1, 2), (0, 1, 2)]


def test_random_depends_on_the_conversation_alone(toy_task: Task) -> None:
    states = toy_task.world.start(toy_task.scenarios, seed=0)
    together = answers(toy_task, "random", states)
    assert answers(toy_task, "random", states[::-1])[::-1] == together
    assert [answers(toy_task, "random", [state])[0] for state in states] == together
    assert len(set(together)) > 1
    for listed in together:
        assert len(set(listed)) == 3
        assert set(listed) <= set(range(len(TITLES)))


def test_random_is_uniform(toy_task: Task) -> None:
    agent = make_agent("random", toy_task)
    observation = toy_task.world.observe(toy_task.world.start(toy_task.scenarios[:1], seed=0))[0]
    counts = dict.fromkeys(TITLES, 0)
    for number in range(4000):
        (text,) = agent.act([{**observation, "dialogue": f"Seeker: {number}"}])
        first = parse_answer(text, toy_task.world.catalogue, list_length=3).items[0]
        counts[TITLES[first]] += 1
    # 4000 / 12 = 333 with a standard deviation of 17.
    assert all(260 < count < 410 for count in counts.values()), counts


def test_what_reports_say_of_them(toy_task: Task) -> None:
    made = {name: make_agent(name, toy_task) for name in BASELINES}
    assert {name: ranks_of(agent) for name, agent in made.items()} == {
        "random": "catalogue",
        "popularity": "catalogue",
        "copy": "catalogue",
        "retriever": "candidates",
        "oracle": "candidates",
    }
    assert [name for name, agent in made.items() if is_privileged(agent)] == ["oracle"]


class Plain:
    def act(self, observations: Sequence[Observation]) -> list[str]:
        return ["RANK LIST: [M (1931)]"] * len(observations)


class Named(Plain):
    name = "my agent"


class FromTask(Plain):
    def __init__(self, split: str) -> None:
        self.split = split

    @classmethod
    def from_task(cls, task: Task) -> FromTask:
        return cls(task.split)


class NeedsMore(Plain):
    def __init__(self, model: str, size: int = 3) -> None:
        self.model = model


class Mute:
    privileged = True

    def act(self, observations: Sequence[Observation]) -> list[str]:
        return []


class Sideways(Plain):
    ranks = "sideways"


def test_agents_come_in_every_form(toy_task: Task) -> None:
    plain = Plain()
    assert make_agent(plain, toy_task) is plain
    assert isinstance(make_agent(Plain, toy_task), Plain)
    assert make_agent(FromTask, toy_task).split == "train"
    assert [agent_name(agent) for agent in ("copy", plain, Plain, Named(), Named)] == [
        "copy",
        "Plain",
        "Plain",
        "my agent",
        "my agent",
    ]


def test_an_agent_by_its_module(
    toy_task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_agents_for_test.py").write_text(
        "class Best:\n    def act(self, observations):\n        return []\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    agent = make_agent("my_agents_for_test:Best", toy_task)
    assert type(agent).__name__ == "Best"
    with pytest.raises(ConfigurationError, match="did you mean 'Best'"):
        make_agent("my_agents_for_test:Bets", toy_task)
    with pytest.raises(ConfigurationError, match="there is no module 'no_such_module'"):
        make_agent("no_such_module:Best", toy_task)
    del sys.modules["my_agents_for_test"]


@pytest.mark.parametrize(
    ("agent", "message"),
    [
        ("popularty", "unknown agent 'popularty'; did you mean 'popularity'"),
        (NeedsMore, "cannot be built without model"),
        (Mute, r"needs act_on_states\(batch\)"),
        (object(), r"needs act\(batch\)"),
        (Sideways, "ranks must be 'candidates' or 'catalogue'; got 'sideways'"),
    ],
)
def test_what_is_no_agent_is_refused(toy_task: Task, agent: object, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make_agent(agent, toy_task)


def test_every_baseline_is_an_agent_by_name() -> None:
    assert sorted(BASELINES) == list(baselines.AGENTS.names())
