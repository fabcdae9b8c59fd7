"""Scenarios are cut from dialogues by the rule of the lineage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset, last_turn
from crsgym.errors import ConfigurationError, DownloadError, PluginError
from crsgym.types import Dialogue, Item, Utterance

CATALOGUE = Catalogue([Item(k, f"Film {k}") for k in "abc"])
A, B, C = range(3)


def seeker(text: str, *items: int) -> Utterance:
    return Utterance("seeker", text, items)


def recommender(text: str, *items: int) -> Utterance:
    return Utterance("recommender", text, items)


TALK = Dialogue(
    "d1",
    (
        recommender("Opens with a film, before anything was said.", A),
        seeker("I liked it.", A),
        recommender("Then these two, and the first again.", B, A, B),
        seeker("Seekers recommend nothing.", C),
        recommender("No film here."),
        recommender("A second turn in a row counts.", C),
    ),
)
EMPTY = Dialogue("d2", (seeker("Hello"), recommender("Hello")))


def dataset(**splits: Sequence[Dialogue]) -> Dataset:
    return Dataset("small", CATALOGUE, splits, fingerprint="f" * 64)


def test_one_scenario_per_recommender_turn_and_item() -> None:
    scenarios = dataset(train=[TALK, EMPTY]).scenarios("train")
    assert [(s.id, s.goal.target) for s in scenarios] == [
        ("d1/2/0", B),
        ("d1/2/1", A),  # mentioned before: kept
        ("d1/2/2", B),  # twice in one turn: kept
        ("d1/5/0", C),
    ]
    assert {s.dialogue_id for s in scenarios} == {"d1"}
    assert [len(s.dialogue) for s in scenarios] == [2, 2, 2, 5]


def test_scenarios_share_their_utterances() -> None:
    first, second, _, last = dataset(train=[TALK]).scenarios("train")
    assert first.dialogue is second.dialogue
    assert all(u is v for u, v in zip(last.dialogue, TALK.utterances, strict=False))


def test_last_turn_rule() -> None:
    data = Dataset("small", CATALOGUE, {"train": [TALK]}, fingerprint="f", instances=last_turn)
    assert [s.id for s in data.scenarios("train")] == ["d1/5/0"]
    assert list(last_turn(Dialogue("x", ()))) == []


def test_target_counts_are_of_train_only() -> None:
    data = dataset(train=[TALK], test=[TALK, TALK])
    counts = data.target_counts()
    assert counts.dtype == np.int64
    assert counts.tolist() == [1, 2, 1]


def test_scenario_by_id_and_index() -> None:
    data = dataset(train=[TALK])
    assert data.scenario("train", "d1/5/0") is data.scenario("train", 3)
    assert data.scenario("train", np.int64(0)).id == "d1/2/0"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("d1/2/3", "small train has no scenario 'd1/2/3'; did you mean d1/2/2"),
        ("zzz", "small train has no scenario 'zzz'; d1/2/0 is one"),
        (4, "small train has scenarios 0 to 3, and no 4"),
        (-1, "small train has scenarios 0 to 3, and no -1"),
    ],
)
def test_a_scenario_that_is_not_there(which: str | int, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        dataset(train=[TALK]).scenario("train", which)


def test_a_scenario_of_an_empty_split() -> None:
    with pytest.raises(ConfigurationError, match="small train has no scenarios"):
        dataset(train=[EMPTY]).scenario("train", 0)


@pytest.mark.parametrize("which", [True, 1.0, None])
def test_a_scenario_by_something_else(which: object) -> None:
    with pytest.raises(TypeError, match="an id \\(str\\) or an index \\(int\\)"):
        dataset(train=[TALK]).scenario("train", which)  # type: ignore[arg-type]


def test_a_split_that_is_not_there() -> None:
    data = dataset(train=[TALK], test=[TALK])
    assert data.splits == ("train", "test")
    for call in (data.dialogues, data.scenarios):
        with pytest.raises(
            ConfigurationError, match="unknown split of small 'tets'; did you mean 'test'"
        ):
            call("tets")


def test_a_split_is_read_once_and_only_when_asked_for() -> None:
    calls = []

    def read() -> list[Dialogue]:
        calls.append(1)
        return [TALK]

    def absent() -> list[Dialogue]:
        raise DownloadError("not here")

    data = Dataset("small", CATALOGUE, {"train": read, "test": absent}, fingerprint="f")
    assert not calls
    assert data.scenarios("train") is data.scenarios("train")
    assert data.dialogues("train") == (TALK,)
    assert calls == [1]
    with pytest.raises(DownloadError, match="not here"):
        data.scenarios("test")


def test_with_preferences() -> None:
    data = dataset(train=[TALK])
    other = data.with_preferences(lambda item, dialogue: f"{item.key} after {len(dialogue)}")
    assert [s.goal.preference for s in other.scenarios("train")] == [
        "b after 2",
        "a after 2",
        "b after 2",
        "c after 5",
    ]
    assert data.scenarios("train")[0].goal.preference != "b after 2"
    assert (other.name, other.splits, other.fingerprint) == ("small", ("train",), "f" * 64)


def test_a_writer_that_writes_no_text() -> None:
    other = dataset(train=[TALK]).with_preferences(lambda item, dialogue: 3)  # type: ignore[arg-type,return-value]
    with pytest.raises(PluginError, match="returns text, and not 3"):
        other.scenarios("train")


def test_repr() -> None:
    assert repr(dataset(train=[TALK])) == "Dataset('small', 3 items, splits train)"
