"""Planted leaks are found; the shipped users pass."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import crsgym
from crsgym import data, simulators
from crsgym.chat.scripted import ScriptedChatModel
from crsgym.cli import app
from crsgym.rollout import rollout
from crsgym.simulators.audit import audit, feedbacks, title_leak_rate
from crsgym.simulators.leaks import find_title_leak
from crsgym.simulators.llm import LLMSimulator
from crsgym.types import Attribute, Item

JOKER = Item("Q1", "The Dark Knight (2008)", 2008, aliases=("Batman: The Dark One (2008)",))
IT = Item("Q2", "It (2017)", 2017, aliases=("Eso",))


@pytest.mark.parametrize(
    ("text", "item", "kind"),
    [
        ("Is it The Dark Knight (2008)?", JOKER, "exact"),
        ("dark knight, 2008", JOKER, "exact"),
        ("I meant the DARK   KNIGHT!", JOKER, "without_year"),
        ("Batman, the dark one", JOKER, "alias"),
        ("the dark nite of dark knigt", JOKER, "fuzzy"),
        ("a dark film about knights", JOKER, None),
        ("the darkest knighthood", JOKER, None),
        ("It was good.", IT, "one_word"),
        ("I want It (2017).", IT, "exact"),
        ("Eso, no?", IT, "one_word"),
        ("Nothing of the kind", IT, None),
        ("", JOKER, None),
    ],
)
def test_titles_are_found(text, item, kind) -> None:
    leak = find_title_leak(text, item)
    assert (None if leak is None else leak.kind) == kind


class Planted:
    """Says one thing about every list."""

    target_aware = True

    def __init__(self, say) -> None:
        self.say = say
        self.catalogue = data.load("synthetic").catalogue

    def respond(self, contexts, seeds, goals=None):
        return [self.say(self.catalogue[goal.target]) for goal in goals]


def played(simulator, limit=40, turns=3):
    task = crsgym.make_task(
        "Synthetic-v0",
        split="test",
        limit=limit,
        simulator=simulator,
        max_turns=turns,
        success="never",
    )
    episodes = rollout("popularity", task)
    return episodes, audit(episodes, task.dataset.catalogue, task.world.simulator)


@pytest.mark.parametrize(
    ("say", "kind"),
    [
        (lambda item: f"Why not {item.title}?", "exact"),
        (lambda item: f"Why not {item.title[:-7]}?", "without_year"),
        (lambda item: f"Why not {item.title[:-8]}x?", "fuzzy"),
    ],
)
def test_a_planted_title_is_found(say, kind) -> None:
    episodes, report = played(Planted(say))
    assert report["feedbacks"] == 80
    assert report["title_leaks"][kind] > 0
    assert report["title_leak_rate"] > 0.5
    assert report["title_leak_rate"] == title_leak_rate(episodes, data.load("synthetic").catalogue)
    assert not report["passed"]
    assert "names the target before anybody else did" in report["failures"][0]


def test_one_word_titles_are_judged_apart() -> None:
    _, report = played(Planted(lambda item: f"{item.title[:-7]}, that is all."), limit=150)
    assert report["one_word_title_rate"] == 1.0
    assert report["title_leaks"]["one_word"] > 0
    assert report["title_leak_rate"] < 1.0


class Cheat(LLMSimulator):
    """Calls itself label-free, and has the answers up its sleeve."""

    def __init__(self, plant) -> None:
        dataset = data.load("synthetic")
        super().__init__(dataset.catalogue, ScriptedChatModel(lambda m, s: "More comedy."))
        self.plant = plant
        self.answers = {s.dialogue: s.goal.target for s in dataset.scenarios("test")}

    def messages(self, contexts, goals=None):
        prompts = super().messages(contexts, goals)
        for context, prompt in zip(contexts, prompts, strict=True):
            target = self.answers[context.dialogue]
            hint = self.plant(target, self.catalogue[target])
            prompt[-1] = {**prompt[-1], "content": prompt[-1]["content"] + hint}
        return prompts


@pytest.mark.parametrize(
    "plant",
    [
        lambda index, item: f"\nTarget: {item.key}",
        lambda index, item: f"\nTarget: {index}",
        lambda index, item: f"\nTarget: {item.title}",
    ],
)
def test_a_target_in_a_label_free_prompt_is_a_hard_failure(plant) -> None:
    _, report = played(Cheat(plant))
    assert report["target_in_prompt_rate"] > 0.3
    assert report["failures"] == [
        f"the user is label-free, and the target stands in {report['target_in_prompt_rate']:.1%} "
        "of its prompts"
    ]


@pytest.mark.parametrize(
    "name", ["rules", "attributes", "llm", "blind:llm", "shuffled:attributes", "silent:rules"]
)
def test_the_shipped_users_pass(name) -> None:
    options = {}
    if "llm" in name:
        options = {"model": ScriptedChatModel(lambda m, s: "More comedy, no horror.")}
    user = simulators.build(name, data.load("synthetic"), options)
    _, report = played(user)
    assert report["passed"], report["failures"]
    assert report["unseen_title_leak_rate"] == 0.0
    assert report["prompts"] == (80 if "llm" in name else None)
    if "llm" in name:
        assert report["target_in_prompt_rate"] == 0.0
    assert json.loads(json.dumps(report)) == report


def test_accuracy_by_hand() -> None:
    catalogue = data.load("synthetic").catalogue
    genres = {v for item in catalogue for v in item.values("genre")}

    def half_right(item) -> str:
        wrong = sorted(genres - set(item.values("genre")))[0]
        right, decade = item.values("genre")[0], item.values("decade")[0]
        return f"I want something {right} and {wrong}. No {decade} films."

    _, report = played(Planted(half_right))
    genre, decade = report["attributes"]["genre"], report["attributes"]["decade"]
    assert (genre["precision"], genre["asked"]) == (0.5, 160)
    assert (decade["refused_though_true"], decade["refused"], decade["asked"]) == (1.0, 80, 0)
    assert decade["precision"] is None


def test_repetition_length_and_consistency() -> None:
    episodes, report = played(Planted(lambda item: "The same again"), limit=10, turns=4)
    # Three remarks an episode, of which two were said before.
    assert report["repetition"]["repeated_in_episode"] == pytest.approx(2 / 3)
    assert report["repetition"]["distinct"] == pytest.approx(1 / 30)
    assert report["length"] == {
        "mean_words": 3.0,
        "min_words": 3,
        "max_words": 3,
        "empty_rate": 0.0,
    }
    assert report["consistency"] == {"contradiction_rate": None, "compared": 0}
    assert len(list(feedbacks(episodes))) == 30

    class Contrary(Planted):
        def respond(self, contexts, seeds, goals=None):
            liked = [next(iter(c.entities), "comedy") for c in contexts]
            return [f"I never want {what}." for what in liked]

    _, report = played(Contrary(None))
    assert report["consistency"]["compared"] > 20
    assert report["consistency"]["contradiction_rate"] > 0.5


def test_an_attribute_is_an_attribute_whatever_its_kind() -> None:
    item = Item("a", "A (2000)", 2000, (Attribute("cast", "X Y"), Attribute("director", "X Y")))
    from crsgym.simulators.reader import AttributeReader

    assert len(AttributeReader([item]).read("with x y")) == 2


def test_the_command(tmp_path) -> None:
    args = ["audit", "Synthetic-v0", "--simulator", "rules", "--limit", "10", "--turns", "2"]
    out = tmp_path / "deep" / "audit"
    result = CliRunner().invoke(app, [*args, "--json", "--gain", "--out", str(out)])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["title_leak_rate"] == 0.0
    assert (report["env"], report["episodes"], report["feedbacks"]) == ("Synthetic-v0", 10, 10)
    assert set(report["gain"]["means"]) == {"normal", "silent", "blind", "shuffled"}
    assert sorted(path.name for path in out.iterdir()) == ["audit.html", "audit.json", "audit.md"]
    assert json.loads((out / "audit.json").read_text()) == report
    html = (out / "audit.html").read_text()
    assert "Synthetic-v0, test split: 10 remarks in 10 episodes, passed" in html
    assert report["gain"]["verdict"] in html
    assert "over silent" in html
    shown = CliRunner().invoke(app, args)
    assert shown.exit_code == 0
    assert "names the target before anybody else does" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 120
