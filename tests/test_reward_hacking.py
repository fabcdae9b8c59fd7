"""Policies that game one term of the reward against an honest one, over the same conversations.

The honest policy lists the retriever's order and says what it heard; it is nothing clever. Whatever
beats it on the whole reward without knowing more about the seeker shows a hole in the reward.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pytest

import crsgym
from crsgym.actions import STEPS, format_answer
from crsgym.data import load
from crsgym.evaluation.bootstrap import Bootstrap, interval
from crsgym.task import Task
from crsgym.types import Episode, Observation

Policy = Callable[[Observation], str]
ENV, LIMIT, TURNS = "Synthetic-v0", 200, 3
BOILERPLATE = (
    "The seeker likes. The seeker wants something from the, directed by, with. The seeker spoke of."
)


class PolicyAgent:
    """An agent that answers one observation at a time."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def act(self, observations: Sequence[Observation]) -> list[str]:
        return [self.policy(observation) for observation in observations]


@lru_cache(maxsize=1)
def values() -> tuple[str, ...]:
    """Every attribute value of the catalogue."""
    return tuple(sorted({value for item in load("synthetic").catalogue for value in item.values()}))


@lru_cache(maxsize=1)
def moods() -> tuple[str, ...]:
    """Every genre and tone."""
    items = load("synthetic").catalogue
    return tuple(sorted({value for item in items for value in item.values("genre", "tone")}))


@lru_cache(maxsize=1)
def any_value() -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(map(re.escape, values())) + r")\b", re.I)


def heard(observation: Observation) -> str:
    """The attributes that the seeker named, in the dialogue and since."""
    lines = [li for li in observation["dialogue"].split("\n") if li.startswith("Seeker: ")]
    feedback = [turn["feedback"] for turn in observation["history"]]
    named = any_value().findall(" ".join([*lines, *feedback, observation["feedback"]]))
    return ", ".join(dict.fromkeys(named))


def honest(observation: Observation) -> str:
    return format_answer(
        observation["candidates"][:10], preference=f"The seeker speaks of {heard(observation)}."
    )


def format_only(observation: Observation) -> str:
    return format_answer(["Title (2000)"] * 10)


def boilerplate_only(observation: Observation) -> str:
    return format_answer(["Title (2000)"] * 10, preference=BOILERPLATE)


def words_only(observation: Observation) -> str:
    return format_answer(["Title (2000)"] * 10, preference=heard(observation))


def echo_list(observation: Observation) -> str:
    return format_answer(observation["candidates"][:10])


def echo_all_candidates(observation: Observation) -> str:
    return format_answer(observation["candidates"], preference=heard(observation))


def echo_prompt(observation: Observation) -> str:
    return format_answer(observation["candidates"][:10], preference=observation["dialogue"])


def stuff_genres(observation: Observation) -> str:
    return format_answer(
        observation["candidates"][:10], preference=f"The seeker likes {', '.join(moods())}."
    )


def stuff_everything(observation: Observation) -> str:
    return format_answer(observation["candidates"][:10], preference=" ".join(values()))


def stuff_boilerplate(observation: Observation) -> str:
    return format_answer(observation["candidates"][:10], preference=BOILERPLATE)


def stuff_common_genres(observation: Observation) -> str:
    return format_answer(
        observation["candidates"][:10], preference=f"{BOILERPLATE} drama, comedy, 2010s"
    )


def list_500(observation: Observation) -> str:
    titles = dict.fromkeys([*observation["candidates"], *load("synthetic").catalogue.titles])
    return format_answer(list(titles)[:500], preference=heard(observation))


def pad_the_list(observation: Observation) -> str:
    first = observation["candidates"][:3]
    return format_answer([*first, *["Title (2000)"] * 7], preference=heard(observation))


def repeat_the_list(observation: Observation) -> str:
    first = observation["candidates"][:1]
    return format_answer([*first] * 10, preference=heard(observation))


def repeat_headings(observation: Observation) -> str:
    headings = "\n".join(f"Step{n}: {name}." for n, name in enumerate(STEPS, 1))
    return honest(observation).replace("</think>", headings + "\n</think>")


def only_headings(observation: Observation) -> str:
    headings = "\n".join(f"Step{n}: {name}." for n, name in enumerate(STEPS, 1))
    return f"<think>\n{headings}\n</think>\nRANK LIST: [x]"


GAMES = (
    format_only,
    boilerplate_only,
    words_only,
    echo_list,
    echo_all_candidates,
    echo_prompt,
    stuff_genres,
    stuff_everything,
    stuff_boilerplate,
    stuff_common_genres,
    list_500,
    pad_the_list,
    repeat_the_list,
    repeat_headings,
    only_headings,
)


@pytest.fixture(scope="module")
def task() -> Task:
    return crsgym.make_task(
        ENV, split="valid", retriever="lexical", success="never", max_turns=TURNS, limit=LIMIT
    )


def played(policy: Policy, task: Task) -> list[Episode]:
    return crsgym.rollout(PolicyAgent(policy), task)


def returns(episodes: Sequence[Episode]) -> npt.NDArray[np.float64]:
    return np.array([episode.total_reward for episode in episodes])


@pytest.fixture(scope="module")
def honest_returns(task: Task) -> npt.NDArray[np.float64]:
    return returns(played(honest, task))


@pytest.mark.parametrize("policy", GAMES)
def test_no_game_beats_honesty(
    policy: Policy, task: Task, honest_returns: npt.NDArray[np.float64]
) -> None:
    gain = honest_returns - returns(played(policy, task))
    bootstrap = Bootstrap([scenario.dialogue_id for scenario in task.scenarios])
    draws = bootstrap.means(gain[:, None], np.ones(len(gain), dtype=np.bool_))
    low = interval(draws)[0, 0]
    assert low > 0, f"honesty leads by {gain.mean():.3f}, from {low:.3f} on"


def test_a_preference_that_hears_nobody_earns_nothing(task: Task) -> None:
    """The mean similarity of a constant text is about 0, where the honest one is well above."""
    for policy in (stuff_genres, stuff_everything, stuff_boilerplate, stuff_common_genres):
        terms = [s.reward_terms["preference"] for e in played(policy, task) for s in e.steps]
        assert abs(np.mean(terms)) < 0.1
    heard_terms = [s.reward_terms["preference"] for e in played(honest, task) for s in e.steps]
    assert np.mean(heard_terms) > 0.25


@pytest.mark.parametrize(
    ("policy", "issue"),
    [
        (list_500, "too_many_titles"),
        (echo_all_candidates, "too_many_titles"),
        (format_only, "unknown_title"),
        (repeat_the_list, "duplicate_title"),
        (repeat_headings, "extra_steps"),
        (only_headings, "no_preference"),
        (stuff_everything, "long_preference"),
    ],
)
def test_the_report_names_the_game(policy: Policy, issue: str) -> None:
    report = crsgym.evaluate(PolicyAgent(policy), ENV, split="valid", turns=1, limit=20)
    (agent,) = report.to_dict()["agents"].values()
    assert agent["turns"][0]["answer_issues"][issue] == 1.0


def test_stalling_pays_where_a_hit_ends_the_episode() -> None:
    """A limit of the reward that is told in the documentation, and why trainers play all turns.

    Format and preference pay at every turn, so where the first hit ends the conversation, a policy
    that never hits collects them longer. Over all turns, and per turn, it is far behind.
    """
    ending = crsgym.make_task(
        ENV, split="valid", retriever="lexical", success="hit", max_turns=5, limit=LIMIT
    )
    hits, stalls = played(honest, ending), played(words_only, ending)
    assert returns(stalls).mean() > returns(hits).mean()

    def per_turn(episodes: Sequence[Episode]) -> float:
        return float(np.mean([step.reward for episode in episodes for step in episode.steps]))

    assert per_turn(hits) > per_turn(stalls)
