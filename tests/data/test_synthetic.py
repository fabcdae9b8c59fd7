import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from crsgym.data import load
from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset
from crsgym.data.synthetic import MOST_ITEMS, SPLITS, load_synthetic
from crsgym.data.synthetic.chance import Chance
from crsgym.data.synthetic.films import make_films
from crsgym.data.synthetic.words import DECADES, GENRES, THEMES, TONES
from crsgym.errors import ConfigurationError
from crsgym.types import Scenario

# Every number of Synthetic-v0 rests on these bytes: a change of them is a new version of it.
FINGERPRINT = "3c10d5030bb1"


@pytest.fixture(scope="module")
def synthetic() -> Dataset:
    return load_synthetic()


def mentioned(scenario: Scenario) -> set[int]:
    return {item for utterance in scenario.dialogue for item in utterance.items}


def test_its_bytes_are_those_that_the_results_were_measured_on(synthetic: Dataset) -> None:
    assert synthetic.fingerprint.startswith(FINGERPRINT)


def test_another_process_makes_the_same_whatever_its_hash_seed(synthetic: Dataset) -> None:
    code = (
        "from crsgym.data.synthetic import load_synthetic as f; print(f(7, items=120).fingerprint)"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert made == {load_synthetic(7, items=120).fingerprint + "\n"}
    assert load_synthetic(7, items=120).fingerprint != synthetic.fingerprint


def test_it_is_made_once_per_process(synthetic: Dataset) -> None:
    assert load("synthetic") is load("Synthetic")
    assert load_synthetic() is synthetic


def test_no_global_random_state_is_touched() -> None:
    np.random.seed(3)  # noqa: NPY002  # the state under test
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    make_films(3, 60)
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002


def test_counts(synthetic: Dataset) -> None:
    assert len(synthetic.catalogue) == 1000
    assert {split: len(synthetic.dialogues(split)) for split in synthetic.splits} == SPLITS
    assert {split: len(synthetic.scenarios(split)) for split in synthetic.splits} == {
        "train": 7362,
        "valid": 883,
        "test": 941,
    }


def test_scenarios_follow_the_rule_of_the_lineage(synthetic: Dataset) -> None:
    expected = [
        item
        for dialogue in synthetic.dialogues("test")
        for place, utterance in enumerate(dialogue.utterances)
        if place and utterance.role == "recommender"
        for item in utterance.items
    ]
    assert [s.goal.target for s in synthetic.scenarios("test")] == expected


def test_targets_are_repeated_about_as_often_as_in_inspired(synthetic: Dataset) -> None:
    scenarios = synthetic.scenarios("train")
    share = np.mean([s.goal.target in mentioned(s) for s in scenarios])
    assert 0.20 < share < 0.26


def test_titles_have_what_makes_titles_hard(synthetic: Dataset) -> None:
    titles = synthetic.catalogue.titles
    for mark in ",:[(&'¡":
        assert sum(mark in title.rsplit("(", 1)[0] for title in titles) >= 2, mark
    assert sum(not title.isascii() for title in titles) > 50
    names = Counter(title.rsplit(" (", 1)[0] for title in titles)
    assert sum(count > 1 for count in names.values()) > 10
    assert sum(title.startswith(("The ", "A ")) for title in titles) > 200


def test_every_title_means_its_film_and_a_shared_name_is_ambiguous(synthetic: Dataset) -> None:
    catalogue = synthetic.catalogue
    assert [catalogue.resolve(title).item for title in catalogue.titles] == list(range(1000))
    names = Counter(title.rsplit(" (", 1)[0] for title in catalogue.titles)
    for name, count in names.items():
        found = catalogue.resolve(name)
        assert (found.how == "ambiguous") == (count > 1), name


def test_no_title_is_an_attribute(synthetic: Dataset) -> None:
    names = {title.rsplit(" (", 1)[0].casefold() for title in synthetic.catalogue.titles}
    values = {attribute.value.casefold() for attribute in synthetic.graph.attributes}
    assert not names & values


def test_every_film_has_its_facts(synthetic: Dataset) -> None:
    for item in synthetic.catalogue:
        assert set(item.values("genre")) <= GENRES.keys()
        assert set(item.values("tone")) <= set(TONES)
        assert item.values("decade") == (f"{item.year // 10 * 10}s",)
        assert item.year // 10 * 10 in DECADES
        assert len(item.values("director")) == 1
        assert item.values("cast")
        assert any(theme in item.description for theme in THEMES)


def test_links_stand_in_the_text(synthetic: Dataset) -> None:
    catalogue = synthetic.catalogue
    for dialogue in synthetic.dialogues("valid"):
        for utterance in dialogue.utterances:
            for item in utterance.items:
                assert catalogue[item].title.rsplit(" (", 1)[0] in utterance.text
            for entity in utterance.entities:
                assert entity.casefold() in utterance.text.casefold()


def test_the_text_has_likes_dislikes_corrections_and_small_talk(synthetic: Dataset) -> None:
    said = [u.text.lower() for d in synthetic.dialogues("train") for u in d.utterances]
    kinds = {
        "likes": ("love", "fan of", "soft spot"),
        "dislikes": ("can't stand", "anything but", "nothing "),
        "corrections": ("i meant", "scratch"),
        "small talk": ("popcorn", "weather"),
        "hated films": ("disappointment", "couldn't finish"),
    }
    for kind, signs in kinds.items():
        for sign in signs:
            assert sum(sign in text for text in said) > 20, (kind, sign)


def test_what_is_said_differs(synthetic: Dataset) -> None:
    said = [u.text for d in synthetic.dialogues("test") for u in d.utterances if u.items]
    assert len(set(said)) > 0.95 * len(said)


def test_likes_predict_the_target_and_dislikes_count_against_it(synthetic: Dataset) -> None:
    def has(target: int, value: str) -> bool:
        return value in synthetic.catalogue[target].values()

    liked, refused, other = [], [], []
    for scenario in synthetic.scenarios("train"):
        for utterance in scenario.dialogue:
            if utterance.role != "seeker":
                continue
            for genre in utterance.entities:
                if f"i love {genre} films" in utterance.text.lower():
                    liked.append(has(scenario.goal.target, genre))
                if f"i can't stand {genre} movies" in utterance.text.lower():
                    refused.append(has(scenario.goal.target, genre))
        other.append(has(scenario.goal.target, "thriller"))
    assert np.mean(liked) > 2 * np.mean(other)
    assert np.mean(refused) < 0.3 * np.mean(other)


def test_dialogues_do_not_depend_on_how_many_there_are(synthetic: Dataset) -> None:
    from crsgym.data.synthetic.dialogues import write_dialogue

    films = make_films(0, 1000)
    last = synthetic.dialogues("valid")[-1]
    assert write_dialogue(0, last.id, films) == last


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "synthetic seed: expected a whole number from 0"),
        ({"seed": "7"}, "got '7'"),
        ({"items": 20}, "synthetic items: expected a whole number from 100 to 5000, got 20"),
        ({"items": True}, "got True"),
    ],
)
def test_wrong_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_synthetic(**arguments)  # type: ignore[arg-type]


def test_the_vocabulary_is_enough_for_the_largest_catalogue() -> None:
    films = make_films(1, MOST_ITEMS)
    catalogue = Catalogue(film.item(i) for i, film in enumerate(films))
    assert len(set(catalogue.titles)) == MOST_ITEMS


def test_chance_draws_as_asked() -> None:
    chance = Chance("test", 1)
    drawn = Counter(chance.weighted("abc", (1.0, 2.0, 1.0)) for _ in range(4000))
    assert {letter: round(count / 1000) for letter, count in drawn.items()} == {
        "a": 1,
        "b": 2,
        "c": 1,
    }
    assert sorted(chance.shuffled(range(5))) == [0, 1, 2, 3, 4]
    assert len(set(chance.sample("abcd", 3))) == 3
    assert chance.sample("ab", 5) in (["a", "b"], ["b", "a"])
    assert Chance("x", 1).uniform() == Chance("x", 1).uniform() != Chance("x", "1").uniform()
    # The stream of uniform doubles, which NumPy promises to keep.
    golden = Chance("golden")
    assert [golden.uniform() for _ in range(2)] == [0.3007919881328205, 0.31582056222005206]
