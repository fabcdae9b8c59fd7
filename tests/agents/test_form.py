"""The teacher of the form: well-formed answers that owe nothing to the target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import crsgym
from agents.form import FormTeacher
from crsgym.actions import parse_answer


@pytest.fixture(scope="module")
def task():
    return crsgym.make_task("Synthetic-v0", split="valid", limit=200)


@pytest.fixture(scope="module")
def states(task):
    return task.world.start(task.scenarios, seed=0)


def parsed(task, states, answers):
    return [
        parse_answer(answer, task.world.catalogue, candidates=state.candidates)
        for state, answer in zip(states, answers, strict=True)
    ]


def test_answers_are_well_formed_lists_of_candidates(task, states) -> None:
    read = parsed(task, states, FormTeacher(task.world).teach(states))
    assert {answer.issues for answer in read} == {()}
    assert {(answer.steps, len(answer.items)) for answer in read} == {(5, 10)}
    assert len({answer.preference for answer in read}) > 20


def test_the_target_makes_no_difference(task, states) -> None:
    teacher = FormTeacher(task.world)
    others = []
    for state in states:
        goal = replace(state.goal, target=(state.goal.target + 1) % 1000, preference="another")
        others.append(replace(state, scenario=replace(state.scenario, goal=goal)))
    assert teacher.teach(others) == teacher.teach(states)
    assert teacher.teach(states[3:5]) == teacher.teach(states)[3:5]
    assert FormTeacher(task.world, seed=1).teach(states) != teacher.teach(states)


def test_candidates_are_as_likely_as_each_other_and_keep_their_order(task, states) -> None:
    read = parsed(task, states, FormTeacher(task.world).teach(states))
    places = [
        [state.candidates.index(item) for item in answer.items]
        for state, answer in zip(states, read, strict=True)
    ]
    assert all(listed == sorted(listed) for listed in places)
    counts = np.bincount(np.concatenate(places), minlength=20)
    assert 0.35 < counts.min() / len(states) <= counts.max() / len(states) < 0.65
