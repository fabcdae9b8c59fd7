from __future__ import annotations

import pytest

import crsgym
from crsgym import data, simulators
from crsgym.chat.scripted import ScriptedChatModel
from crsgym.errors import ConfigurationError
from crsgym.simulators.controls import SMALL_TALK, Blind, Noisy, Shuffled, Silent, split_control
from crsgym.simulators.llm import LLMSimulator
from crsgym.simulators.tasks import shown_list


class Parrot:
    """Says what it was handed."""

    target_aware = True

    def __init__(self) -> None:
        self.asked = 0

    def respond(self, contexts, seeds, goals=None):
        self.asked += len(contexts)
        return [
            f"{c.dialogue[0].text}|{c.last_list}|{c.turns[-1].candidates}|{c.turns[-1].answer}|{g.target}"
            for c, g in zip(contexts, goals, strict=True)
        ]


@pytest.fixture(scope="module")
def dataset():
    return data.load("synthetic")


@pytest.fixture(scope="module")
def asked(dataset):
    scenarios = dataset.scenarios("test")[:60]
    contexts = [shown_list(s, [i, i + 1]) for i, s in enumerate(scenarios)]
    return contexts, list(range(60)), [s.goal for s in scenarios]


def test_a_blind_user_sees_no_list(asked) -> None:
    contexts, _, goals = asked
    for context, goal, text in zip(contexts, goals, Blind(Parrot()).respond(*asked), strict=True):
        assert text == f"{context.dialogue[0].text}|()|()||{goal.target}"


def test_noise_replaces_a_share_and_leaves_the_rest(asked) -> None:
    plain = Parrot().respond(*asked)
    assert Noisy(Parrot(), 0.0).respond(*asked) == plain
    user = Parrot()
    assert set(Noisy(user).respond(*asked)) <= set(SMALL_TALK)
    assert user.asked == 0
    user = Parrot()
    half = Noisy(user, 0.5).respond(*asked)
    noise = [text in SMALL_TALK for text in half]
    assert 18 <= sum(noise) <= 42  # three standard deviations around 30
    assert [t for t, n in zip(half, noise, strict=True) if not n] == [
        t for t, n in zip(plain, noise, strict=True) if not n
    ]
    assert user.asked == 60 - sum(noise)


def test_small_talk_says_nothing_of_films(dataset) -> None:
    from crsgym.simulators.leaks import find_title_leak
    from crsgym.simulators.reader import AttributeReader

    reader = AttributeReader(dataset.catalogue)
    for text in SMALL_TALK:
        assert not reader.read(text)
        assert not any(find_title_leak(text, item) for item in dataset.catalogue)


def test_a_shuffled_user_speaks_for_another_dialogue(dataset, asked) -> None:
    contexts, _, _ = asked
    control = Shuffled(Parrot(), dataset)
    texts = control.respond(*asked)
    for context, text in zip(contexts, texts, strict=True):
        other = dataset.scenarios("train")[control.other(context)]
        assert other.dialogue[0].text != context.dialogue[0].text
        assert text.split("|")[0] == other.dialogue[0].text
        assert text.split("|")[1] == str(context.last_list)
        assert text.split("|")[-1] == str(other.goal.target)
    assert len({control.other(context) for context in contexts}) > 1
    # The same other through an episode, whatever was shown meanwhile.
    later = shown_list(dataset.scenarios("test")[0], [7])
    assert control.other(later) == control.other(contexts[0])


def test_in_train_nobody_speaks_for_oneself(dataset) -> None:
    control = Shuffled(Parrot(), dataset)
    for scenario in dataset.scenarios("train")[:500]:
        other = dataset.scenarios("train")[control.other(shown_list(scenario, [1]))]
        assert other.dialogue_id != scenario.dialogue_id


def test_a_silent_user_says_nothing_and_is_not_asked(asked) -> None:
    user = Parrot()
    control = Silent(user)
    assert control.respond(*asked) == [""] * 60
    assert user.asked == 0
    assert not control.target_aware


@pytest.mark.parametrize("name", ["blind:rules", "noisy(0.5):attributes", "shuffled:attributes"])
def test_rows_do_not_depend_on_their_batch(dataset, asked, name) -> None:
    user = simulators.build(name, dataset)
    contexts, seeds, goals = asked
    goals = goals if user.target_aware else None
    whole = user.respond(contexts, seeds, goals)
    one_by_one = [
        user.respond([c], [s], None if goals is None else [goals[i]])[0]
        for i, (c, s) in enumerate(zip(contexts, seeds, strict=True))
    ]
    assert whole == one_by_one


def test_a_control_is_part_of_the_environment(dataset) -> None:
    hashes = {}
    for name in ("rules", "blind:rules", "silent:rules", "noisy:rules", "noisy(0.5):rules"):
        task = crsgym.make_task("Synthetic-v0", split="test", simulator=name, limit=2)
        hashes[task.hash] = name
    assert len(hashes) == 5
    spec = simulators.build("noisy(0.5):blind:rules", dataset).spec()
    assert (spec["control"], spec["p"]) == ("noisy", 0.5)
    assert spec["user"]["control"] == "blind"
    assert spec["user"]["user"]["kind"] == "rules"


def test_prompts_of_a_controlled_user_are_those_it_is_asked(dataset, asked) -> None:
    contexts, seeds, _ = asked
    model = ScriptedChatModel(lambda messages, seed: "ok")
    control = Shuffled(Blind(LLMSimulator(dataset.catalogue, model)), dataset)
    control.respond(contexts, seeds)
    assert [list(call) for call in model.calls] == control.messages(contexts)
    assert Silent(control).messages(contexts) == []
    assert Blind(Parrot()).messages(contexts) == []


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("blind:rules", ("blind", "rules")),
        ("noisy(.5):pkg.module:Class", ("noisy(.5)", "pkg.module:Class")),
        ("rules", None),
        ("pkg.module:Class", None),
        ("blind", None),
    ],
)
def test_names(name, split) -> None:
    assert split_control(name) == split


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("noisy(2):rules", "0 <= p <= 1; got 2"),
        ("noisy(x):rules", r"expected e.g. noisy\(0.3\)"),
        ("silent(1):rules", "silent takes no number"),
        ("blind:ruls", "did you mean 'rules'"),
    ],
)
def test_configuration_errors(dataset, name, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        simulators.build(name, dataset)
