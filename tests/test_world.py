"""The rules of the game, on data small enough to work by hand."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from crsgym.actions import format_answer
from crsgym.errors import ConfigurationError, PluginError
from crsgym.task import Task
from crsgym.types import Episode, Goal, State, from_json, to_json
from crsgym.world import World


def listing(world: World, *items: int) -> str:
    return format_answer([world.catalogue.titles[i] for i in items], preference="dark films")


def test_first_turn(toy_task: Task) -> None:
    scenario = toy_task.scenarios[0]
    (state,) = toy_task.world.start([scenario], seed=0)
    (seen,) = toy_task.world.observe([state])
    assert seen["turn"] == 1
    assert seen["feedback"] == ""
    assert seen["history"] == ()
    assert seen["dialogue"] == "Seeker: I liked Night Train (1950), a genre0 film."
    assert seen["mentioned"] == ("Night Train (1950)",)
    assert seen["candidate_ids"].tolist() == [0, 1, 2, 3, 4, 5]
    assert seen["candidate_ids"].dtype == np.int64
    assert seen["candidates"][1] == "Crazy, Stupid, Love (2011)"


def test_a_hit_terminates_and_pays(toy_task: Task) -> None:
    world = toy_task.world
    (state,) = world.start([toy_task.scenarios[0]], seed=0)  # the target is item 2
    (outcome,) = world.advance([state], [listing(world, 1, 2, 0)])
    assert outcome.terminated
    assert not outcome.truncated
    assert outcome.target_rank == 2
    assert outcome.candidate_rank == 3
    assert outcome.reward_terms["hit"] == 1.0
    assert outcome.reward_terms["rank"] == pytest.approx(1 - 1 / 3)
    assert outcome.reward == pytest.approx(sum(outcome.reward_terms.values()))


def test_a_miss_brings_feedback_and_new_candidates(toy_task: Task) -> None:
    world = toy_task.world
    (state,) = world.start([toy_task.scenarios[0]], seed=0)
    (outcome,) = world.advance([state], [listing(world, 7, 8)])
    (seen,) = world.observe([outcome.state])
    assert outcome.state.status == "running"
    assert seen["turn"] == 2
    assert seen["feedback"].startswith("2 films, none fits.")
    assert seen["candidate_ids"].tolist() == [1, 2, 3, 4, 5, 6]
    assert seen["history"] == (
        {
            "feedback": "",
            "preference": "dark films",
            "list": ("Amélie (2001)", "Face/Off (1997)"),
        },
    )


def test_turns_run_out(toy_task: Task) -> None:
    world = toy_task.world
    states = world.start([toy_task.scenarios[0]], seed=0)
    for turn in range(1, 5):
        (outcome,) = world.advance(states, ["nonsense"])
        assert outcome.truncated == (turn == 4)
        states = [outcome.state]
    assert len(outcome.state.context.turns) == 4
    with pytest.raises(ValueError, match="has ended"):
        world.advance(states, ["more"])


@pytest.mark.parametrize(
    ("success", "place", "ends"),
    [
        ("hit", 0, True),
        ("hit", 2, True),
        ("top1", 0, True),
        ("top1", 1, False),
        ("never", 0, False),
    ],
)
def test_success_rules(toy_task: Task, success: str, place: int, ends: bool) -> None:
    world = toy_task.world.replace(success=success)
    listed = [7, 8]
    listed.insert(place, 2)
    (state,) = world.start([toy_task.scenarios[0]], seed=0)
    (outcome,) = world.advance([state], [listing(world, *listed)])
    assert outcome.terminated == ends
    assert outcome.target_rank == place + 1


def play(world: World, states: Sequence[State], answers: Sequence[str]) -> list[State]:
    for answer in answers:
        states = [outcome.state for outcome in world.advance(states, [answer] * len(states))]
    return list(states)


def test_a_conversation_does_not_depend_on_its_batch(toy_task: Task) -> None:
    world = toy_task.world.replace(success="never")
    answers = [listing(world, 7, 8), "", listing(world, 9)]
    together = play(world, world.start(toy_task.scenarios, seed=5), answers)
    backwards = play(world, world.start(toy_task.scenarios[::-1], seed=5), answers)[::-1]
    alone = [
        play(world, world.start([scenario], seed=5), answers)[0] for scenario in toy_task.scenarios
    ]
    assert together == backwards == alone


def test_a_group_is_copies_of_a_state(toy_task: Task) -> None:
    world = toy_task.world
    (state,) = world.start([toy_task.scenarios[0]], seed=0)
    texts = [listing(world, 2), listing(world, 7), "nonsense"]
    rewards = [outcome.reward for outcome in world.advance([state] * 3, texts)]
    assert rewards == [world.advance([state], [text])[0].reward for text in texts]
    assert rewards[0] > rewards[1] > rewards[2]


def test_the_seed_changes_what_is_drawn_and_nothing_else(toy_task: Task) -> None:
    world = toy_task.world
    states = world.start([toy_task.scenarios[0]] * 2, seed=[1, 2])
    first, second = play(world, states, [listing(world, 7)])
    assert first.context.feedback != second.context.feedback
    assert first.candidates == second.candidates


def test_a_state_survives_json(toy_task: Task) -> None:
    world = toy_task.world
    (state,) = play(world, world.start([toy_task.scenarios[1]], seed=3), [listing(world, 7)])
    again = from_json(to_json(state), State)
    assert again == state
    rest = ["", listing(world, 8)]
    assert play(world, [again], rest) == play(world, [state], rest)


def test_the_episode_repeats_what_the_outcomes_said(toy_task: Task) -> None:
    world = toy_task.world
    states = world.start([toy_task.scenarios[0]], seed=0)
    said = []
    for answer in [listing(world, 7), "nonsense", listing(world, 2)]:
        (outcome,) = world.advance(states, [answer])
        states = [outcome.state]
        said.append((outcome.reward, dict(outcome.reward_terms), outcome.target_rank))
    episode = world.episode(states[0], agent="me", env="Toy-v0")
    assert [(s.reward, dict(s.reward_terms), s.target_rank) for s in episode.steps] == said
    assert episode.status == "terminated"
    assert episode.titles[2] == "The Long Road (1999)"
    assert from_json(to_json(episode), Episode) == episode


def test_only_the_goal_differs_so_nothing_seen_differs(toy_task: Task) -> None:
    """Non-interference: no observation depends on the target while nothing has ended."""
    world = toy_task.world.replace(success="never")
    scenario = toy_task.scenarios[0]
    twin = dataclasses.replace(scenario, goal=Goal(target=11, preference="something else"))
    answers = [listing(world, 2, 11, 7), "", listing(world, 11)]
    for length in range(4):
        states = [
            play(world, world.start([s], seed=9), answers[:length])[0] for s in (scenario, twin)
        ]
        one, other = world.observe(states)
        assert one.pop("candidate_ids").tolist() == other.pop("candidate_ids").tolist()  # type: ignore[misc]
        assert one == other
        assert states[0].context == states[1].context


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_turns": 0}, "max_turns must be at least 1; got 0"),
        ({"max_turns": 2.5}, "max_turns must be an integer"),
        ({"max_turns": True}, "max_turns must be an integer"),
        ({"num_candidates": 13}, "at most 12, the size of the catalogue"),
        ({"list_length": 0}, "list_length must be at least 1"),
        ({"success": "hits"}, "success must be one of 'hit', 'top1', 'never'"),
        ({"fuzzy": "yes"}, "fuzzy must be True or False"),
    ],
)
def test_wrong_settings_stop_early(
    toy_task: Task, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        toy_task.world.replace(**changes)


def test_wrong_arguments(toy_task: Task) -> None:
    world = toy_task.world
    states = world.start(toy_task.scenarios[:2], seed=0)
    with pytest.raises(ValueError, match="expected 2 answers"):
        world.advance(states, ["one"])
    with pytest.raises(TypeError, match="must be a str; got bytes"):
        world.advance(states, ["one", b"two"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="expected 2 seeds"):
        world.start(toy_task.scenarios[:2], seed=[1])
    assert world.start([], seed=0) == []
    assert world.advance([], []) == []


def test_texts_that_no_file_can_hold_are_kept_repaired(toy_task: Task) -> None:
    class Surrogates:
        target_aware = False

        def respond(self, contexts: object, seeds: object, goals: object = None) -> list[str]:
            return ["one \ud800 word"]

    world = toy_task.world.replace(simulator=Surrogates())
    states = world.start(toy_task.scenarios[:1], seed=0)
    for text in ("\udfff RANK LIST: [\ud800]", np.str_("RANK LIST: [M (1931)]")):
        (outcome,) = world.advance(states, [text])
        states = [outcome.state]
    (state,) = states
    assert state.context.turns[0].answer == "\ufffd RANK LIST: [\ufffd]"
    assert type(state.context.turns[1].answer) is str
    assert state.context.feedback == "one \ufffd word"
    assert from_json(to_json(state), State) == state


class Broken:
    """A plug-in of every kind that returns what it was told to."""

    target_aware = False

    def __init__(self, value: object) -> None:
        self.value = value

    def retrieve(self, contexts: object, k: int) -> object:
        return self.value

    def respond(self, contexts: object, seeds: object, goals: object = None) -> object:
        return self.value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((1, 6), dtype=np.int64), "offered an item twice"),
        (np.arange(5)[None], "must return integers of shape"),
        (np.arange(6.0)[None], "must return integers"),
        (np.arange(7, 13)[None], "outside the catalogue"),
        (np.arange(-1, 5)[None], "outside the catalogue"),
    ],
)
def test_a_retriever_that_breaks_its_contract(toy_task: Task, value: object, message: str) -> None:
    world = toy_task.world.replace(retriever=Broken(value))
    with pytest.raises(PluginError, match=message):
        world.start(toy_task.scenarios[:1], seed=0)


@pytest.mark.parametrize("value", [[], ["a", "b"], [None], None, "a", 1])
def test_a_user_that_breaks_its_contract(toy_task: Task, value: object) -> None:
    world = toy_task.world.replace(simulator=Broken(value))
    states = world.start(toy_task.scenarios[:1], seed=0)
    with pytest.raises(PluginError, match=r"Broken\.respond must return 1 texts"):
        world.advance(states, ["x"])


def test_parts_are_called_once_a_turn_for_the_whole_batch(toy_task: Task) -> None:
    calls = itertools.count()

    class Counting:
        target_aware = False

        def respond(self, contexts: Sequence[object], seeds: object, goals: object) -> list[str]:
            next(calls)
            return ["no"] * len(contexts)

    world = toy_task.world.replace(simulator=Counting())
    play(world, world.start(list(toy_task.scenarios) * 5, seed=0), ["", ""])
    assert next(calls) == 2
