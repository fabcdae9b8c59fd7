"""Phrases that point to items, found in texts."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsgym.retrieval.sayings import KINDS, Phrases, phrases_of
from crsgym.retrieval.sparse import dense_sums
from crsgym.text.words import words
from crsgym.types import Attribute, Item

FILMS = (
    Item(
        "a",
        "The Long Night (1994)",
        1994,
        (Attribute("genre", "horror"), Attribute("cast", "Ana Müller"), Attribute("company", "X")),
    ),
    Item("b", "Laughs (2003)", 2003, (Attribute("genre", "comedy"), Attribute("cast", "Bo Li"))),
)
TEXTS = ("a comedy", "some comedies with Bo Li", "hello", "hello")


def said(text: str) -> dict[str, list[float]]:
    scores = Phrases.of(FILMS, TEXTS).scores([text])
    return {kind: rows[0].tolist() for kind, rows in zip(KINDS, scores, strict=True)}


def test_phrases_of_an_item() -> None:
    found = set(phrases_of(FILMS[0]))
    assert {("title", "the long night"), ("theme", "horror"), ("person", "ana muller")} <= found
    assert {("time", "1994"), ("time", "1990"), ("time", "90s")} <= found
    assert not any(phrase == "x" for _, phrase in found), "a company is not what people say"


def test_rare_phrases_weigh_more() -> None:
    # Of 4 texts "comedy" is in 2 and "bo li" in 1: log(5 / 3) and log(5 / 2).
    scores = said("Comedies with Bo Li!")
    assert scores["theme"] == pytest.approx([0, math.log1p(math.log(5 / 3))], rel=1e-6)
    assert scores["person"] == pytest.approx([0, math.log1p(math.log(5 / 2))], rel=1e-6)
    assert scores["title"] == [0, 0]


@pytest.mark.parametrize("text", ["something scary", "HORROR films", "horror"])
def test_other_words_for_a_theme(text: str) -> None:
    assert said(text)["theme"][0] > 0
    assert said(text)["theme"][1] == 0


@pytest.mark.parametrize("text", ["the long night", "I loved The Long Nights, really"])
def test_titles(text: str) -> None:
    assert said(text)["title"][0] > 0


@pytest.mark.parametrize("text", ["from 1994", "the 1990s", "the 90s", "the 90's"])
def test_times(text: str) -> None:
    scores = said(text)["time"]
    assert scores[0] > 0
    assert scores[1] == 0


def test_half_a_name_is_no_name() -> None:
    assert not any(any(row) for row in said("Li and Müller spent a long time at night").values())


def test_stored_and_restored() -> None:
    phrases = Phrases.of(FILMS, TEXTS)
    again = Phrases.restore(phrases.arrays())
    text = ["a scary film of the 90s with Bo Li, The Long Night"]
    for before, after in zip(phrases.scores(text), again.scores(text), strict=True):
        assert np.array_equal(before, after)


@given(st.lists(st.sampled_from(["", *TEXTS, "a scary film", "with Bo Li"]), min_size=1))
def test_the_total_is_the_sum_over_the_kinds(texts: list[str]) -> None:
    phrases = Phrases.of(FILMS, TEXTS)
    said = [words(text) for text in texts]
    total = np.zeros((len(texts), len(FILMS)), dtype=np.float32)
    for scores in phrases.scores(texts):
        total += scores
    assert np.array_equal(dense_sums(phrases.sparse_scores(said), len(FILMS)), total)
