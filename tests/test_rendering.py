"""Transcripts: what they show, and that nothing in them is interpreted."""

from __future__ import annotations

import dataclasses

import pytest

from crsgym.env import CRSEnv
from crsgym.task import Task
from crsgym.types import Episode, Utterance


@pytest.fixture
def episode(toy_task: Task) -> Episode:
    env = CRSEnv(toy_task)
    env.reset(options={"scenario": 0}, seed=0)
    env.step("RANK LIST: [M (1931), nothing of the kind]")
    env.step(
        "<think>\nStep1: Preference Inference. <b>dark</b>\n</think>\nRANK LIST: [The Long Road]"
    )
    return env.episode


def test_text(episode: Episode) -> None:
    text = str(episode)
    for part in (
        "Seeker: I liked Night Train (1950), a genre0 film.",
        "Turn 1",
        "M (1931)",
        "(not understood)",
        "unknown_title",
        "target not listed, offered at 3",
        "films, none fits.",
        "Turn 2",
        "target listed at 1, offered at 2",
        "terminated; target: The Long Road (1999)",
        f"return {episode.total_reward:.2f}",
    ):
        assert part in text, part
    assert max(map(len, text.splitlines())) <= 100


def test_an_item_without_a_title_is_shown_by_its_index(episode: Episode) -> None:
    bare = dataclasses.replace(episode, titles={})
    assert "terminated; target: item 2" in str(bare)
    assert "<b>item 2</b>" in bare._repr_html_()


def test_a_title_cannot_command_the_terminal(episode: Episode) -> None:
    titles = {item: f"\x1b[31m{title}" for item, title in episode.titles.items()}
    assert "\x1b" not in str(dataclasses.replace(episode, titles=titles))


def test_html(episode: Episode) -> None:
    page = episode._repr_html_()
    assert "The Long Road (1999)</b> *" in page
    assert "&lt;b&gt;dark&lt;/b&gt;" in page
    assert "<b>dark</b>" not in page


@pytest.mark.parametrize(
    "text", ["[red]alarm[/red] [/]", "<script>alert('x')</script>", "\x1b[31m"]
)
def test_hostile_text_is_shown_and_not_run(episode: Episode, text: str) -> None:
    scenario = dataclasses.replace(episode.scenario, dialogue=(Utterance("seeker", text),))
    step = dataclasses.replace(
        episode.steps[0], turn=dataclasses.replace(episode.steps[0].turn, feedback=text)
    )
    hostile = dataclasses.replace(episode, scenario=scenario, steps=(step,))
    page = hostile._repr_html_()
    assert "<script>" not in page
    shown = str(hostile)
    assert "\x1b" not in shown
    if "\x1b" not in text:
        assert text in shown
