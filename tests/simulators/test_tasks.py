from __future__ import annotations

import collections

import numpy as np
import pytest

from crsgym import data, simulators
from crsgym.chat.scripted import ScriptedChatModel
from crsgym.data.lists import overlaps
from crsgym.errors import ConfigurationError, DataError
from crsgym.protocols import Completion
from crsgym.simulators.leaks import find_title_leak
from crsgym.simulators.measures import f1, means, measure
from crsgym.simulators.reader import AttributeReader
from crsgym.simulators.tasks import (
    TASKS,
    alignment_answer,
    make_examples,
    read_examples,
    write_examples,
)
from crsgym.types import Attribute, Item

ITEM = Item(
    "k",
    "The Long Goodbye (1973)",
    1973,
    (
        Attribute("genre", "crime"),
        Attribute("genre", "science fiction"),
        Attribute("decade", "1970s"),
        Attribute("director", "Robert Altman"),
        Attribute("cast", "Elliott Gould"),
    ),
)


@pytest.fixture(scope="module")
def dataset():
    return data.load("synthetic")


@pytest.fixture(scope="module")
def examples(dataset):
    return make_examples(
        dataset, "train", teacher=simulators.build("attributes", dataset), limit=40
    )


def test_every_scenario_gives_each_task(examples) -> None:
    counts = collections.Counter((e.scenario, e.task) for e in examples)
    assert len(counts) == 40 * 3
    per_task = {task: {n for (_, t), n in counts.items() if t == task} for task in TASKS}
    assert per_task == {"feedback": {4}, "attributes": {1}, "target": {2}}
    kinds = collections.Counter(e.list_kind for e in examples if e.task == "feedback")
    assert kinds == {"H+": 40, "H-": 40, "S+": 40, "S-": 40}
    labels = collections.Counter(e.answer for e in examples if e.task == "target")
    assert labels == {"Yes": 40, "No": 40}


def test_prompts_are_label_free(dataset, examples) -> None:
    """Two scenarios that differ in the target alone differ in lists and answers alone."""
    for example in examples:
        scenario = dataset.scenario("train", example.scenario)
        if example.task == "attributes":
            spoken = " ".join(u.text for u in scenario.dialogue)
            target = dataset.catalogue[scenario.goal.target]
            if find_title_leak(spoken, target) is None:
                assert target.title not in example.prompt[-1]["content"]


def test_lists_are_what_their_kind_says(dataset, examples) -> None:
    shared = collections.defaultdict(list)
    for example in (e for e in examples if e.task == "feedback"):
        scenario = dataset.scenario("train", example.scenario)
        target = scenario.goal.target
        lines = example.prompt[-1]["content"].partition("## List\n")[2].split("\n")
        items = [dataset.catalogue.titles.index(line[2:].rpartition(" [")[0]) for line in lines]
        assert len(items) == 10
        assert (target in items) == example.list_kind.endswith("+")
        counts = overlaps(dataset.graph, target)
        shared[example.list_kind[0]] += [int(counts[i]) for i in items if i != target]
    assert np.mean(shared["H"]) > np.mean(shared["S"]) + 1


def test_the_teachers_words_never_name_the_target(dataset, examples) -> None:
    for example in (e for e in examples if e.task == "feedback"):
        target = dataset.catalogue[dataset.scenario("train", example.scenario).goal.target]
        assert find_title_leak(example.answer, target) is None


def test_a_chat_model_can_teach(dataset) -> None:
    model = ScriptedChatModel(lambda messages, seed: "More crime, please.")
    teacher = simulators.build("llm-attributes", dataset, {"model": model})
    taught = make_examples(dataset, "train", teacher=teacher, tasks=["feedback"], lists=1, limit=5)
    assert {e.answer for e in taught} == {"More crime, please."}
    assert [e.list_kind for e in taught] == ["H+", "H-", "S+", "S-", "H+"]
    assert all("## Wanted" in call[-1]["content"] for call in model.calls)
    assert not any("## Wanted" in m["content"] for e in taught for m in e.messages)


def test_examples_are_deterministic_and_survive_a_file(dataset, examples, tmp_path) -> None:
    teacher = simulators.build("attributes", dataset)
    again = make_examples(dataset, "train", teacher=teacher, limit=40)
    assert again == examples
    assert make_examples(dataset, "train", teacher=teacher, limit=40, seed=1) != examples
    # What a scenario gives does not depend on how many others there are.
    fewer = make_examples(dataset, "train", teacher=teacher, limit=10)
    assert set(map(repr, fewer)) <= set(map(repr, examples))
    one, two = (write_examples(examples, tmp_path / name) for name in ("a.jsonl", "b.jsonl"))
    assert one.read_bytes() == two.read_bytes()
    assert read_examples(one) == examples


def test_a_damaged_file_is_named_by_line(examples, tmp_path) -> None:
    path = write_examples(examples[:3], tmp_path / "x.jsonl")
    path.write_text(path.read_text() + '{"task": "feedback"}\n')
    with pytest.raises(DataError, match=r"x.jsonl, line 4 is no training example: .*scenario"):
        read_examples(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": ["feedbak"]}, "one of feedback, attributes, target; got 'feedbak'"),
        ({"lists": 5}, "lists: expected 1 to 4; got 5"),
        ({"teacher": None}, "must see the goal"),
    ],
)
def test_configuration_errors(dataset, options, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make_examples(
            dataset,
            "train",
            **{"teacher": simulators.build("attributes", dataset), "limit": 2, **options},
        )
    with pytest.raises(ConfigurationError, match="must see the goal"):
        make_examples(dataset, "train", teacher=simulators.build("rules", dataset), limit=2)


def test_alignment_answer() -> None:
    assert alignment_answer(ITEM) == (
        "Title: The Long Goodbye (1973)\nGenre: crime, science fiction\n"
        "Director: Robert Altman\nCast: Elliott Gould\nDecade: 1970s"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Something CRIME-like, by robert altman!", {"crime", "Robert Altman"}),
        ("a science-fiction film of the 70s", {"science fiction", "1970s"}),
        ("science is not fiction", set()),
        ("Gould, or Altman", set()),
        ("crimes of the 1970s with Élliott Gould", {"crime", "1970s", "Elliott Gould"}),
        ("", set()),
    ],
)
def test_the_reader_finds_what_is_named(text, found) -> None:
    assert {a.value for a in AttributeReader([ITEM]).read(text)} == found


def test_measures_by_hand(dataset, examples) -> None:
    reader = AttributeReader([ITEM])
    base = examples[0]
    crime, altman = Attribute("genre", "crime"), Attribute("director", "Robert Altman")
    assert f1({crime}, {crime, altman}) == pytest.approx(2 / 3)
    assert f1(set(), set()) == 1.0
    assert f1({crime}, set()) == 0.0

    def example(task: str, answer: str):
        messages = (*base.messages[:-1], {"role": "assistant", "content": answer})
        return type(base)(task, base.scenario, base.dialogue, "H+", messages)

    asked = [
        example("feedback", "More crime by Robert Altman."),
        example("attributes", "Genre: crime\nDecade: 1970s"),
        example("target", "Yes"),
        example("target", "No"),
        example("target", "Yes"),
    ]
    said = [
        "crime",
        "Genre: crime\nDirector: Robert Altman\nCast: Elliott Gould",
        "Yes.",
        "yes",
        "",
    ]
    model = ScriptedChatModel([Completion(text) for text in said])
    scores = measure(model, asked, reader)
    assert scores["feedback_f1"].values == pytest.approx([2 / 3])
    assert scores["alignment_accuracy"].values == pytest.approx(
        [1 / 3]
    )  # crime, of 3 said and 2 true
    assert scores["target_accuracy"].values.tolist() == [1.0, 0.0, 0.0]
    assert means(scores)["target_accuracy"] == pytest.approx(1 / 3)
