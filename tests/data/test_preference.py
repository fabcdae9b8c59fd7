"""The reference preference says what leads to the target, and never its title."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsgym.data import load
from crsgym.data.dataset import Dataset
from crsgym.data.preference import write_preference
from crsgym.data.titles import normalise, split_year
from crsgym.types import Attribute, Item, Utterance

JOKER = Item(
    "1",
    "Joker (2019)",
    2019,
    (
        Attribute("genre", "thriller"),
        Attribute("genre", "crime"),
        Attribute("genre", "drama"),
        Attribute("genre", "psychological"),
        Attribute("director", "Todd Phillips"),
        Attribute("cast", "Joaquin Phoenix"),
        Attribute("cast", "Robert De Niro"),
        Attribute("writer", "Scott Silver"),
        Attribute("decade", "2010s"),
    ),
)


def test_golden() -> None:
    dialogue = (
        Utterance("seeker", "Dramas, a psychological drama!", entities=("Dramas", "drama")),
        Utterance("recommender", "With whom?", entities=("people",)),
        Utterance("seeker", "Robert De Niro", entities=("Robert De Niro",)),
    )
    assert write_preference(JOKER, dialogue) == (
        "The seeker likes drama, psychological and thriller. "
        "The seeker wants something from the 2010s, directed by Todd Phillips, "
        "with Robert De Niro and Joaquin Phoenix. "
        "The seeker spoke of Dramas, drama and Robert De Niro."
    )


def test_nothing_to_say() -> None:
    assert write_preference(Item("1", "X"), ()) == "The seeker did not say what to look for."


def test_kinds_of_other_catalogues_are_told_too() -> None:
    item = Item("1", "Kettle", attributes=(Attribute("brand", "Acme"), Attribute("tone", "loud")))
    assert write_preference(item, ()) == (
        "The seeker likes loud. The seeker wants something whose brand is Acme."
    )


def test_what_names_the_title_is_left_out() -> None:
    item = Item(
        "1",
        "Drama (2012)",
        2012,
        (
            Attribute("genre", "drama"),
            Attribute("genre", "comedy drama"),
            Attribute("genre", "war"),
        ),
        aliases=("The Stage",),
    )
    said = (Utterance("seeker", "Drama!", entities=("DRAMA", "a stage", "stagecoach")),)
    assert write_preference(item, said) == "The seeker likes war. The seeker spoke of stagecoach."


def assert_untold(dataset: Dataset, split: str) -> None:
    for scenario in dataset.scenarios(split):
        item = dataset.catalogue[scenario.goal.target]
        names = [normalise(split_year(name)[0]) for name in (item.title, *item.aliases)]
        written = f" {normalise(scenario.goal.preference)} "
        for name in names:
            # Short names ("It", "Her") are common words of any sentence.
            assert len(name) <= 3 or f" {name} " not in written, (item.title, scenario)


def test_synthetic_titles_are_untold() -> None:
    assert_untold(load("synthetic"), "train")


@pytest.mark.requires_dataset("inspired")
def test_real_titles_are_untold() -> None:
    for split in ("train", "valid", "test"):
        assert_untold(load("inspired"), split)


@given(
    values=st.lists(st.tuples(st.sampled_from(["genre", "cast", "mood"]), st.text(max_size=8))),
    texts=st.lists(st.text(max_size=20), max_size=4),
)
def test_any_item_and_dialogue(values: list[tuple[str, str]], texts: list[str]) -> None:
    item = Item("1", "Zyx (1999)", attributes=tuple(Attribute(*v) for v in values))
    dialogue = tuple(Utterance("seeker", text, entities=(text,)) for text in texts)
    written = write_preference(item, dialogue)
    assert written
    assert " zyx " not in f" {normalise(written)} "
    assert written == write_preference(item, dialogue)
