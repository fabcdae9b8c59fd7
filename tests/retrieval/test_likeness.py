"""Likeness of items, by sides."""

import numpy as np
import pytest

from crsgym.data.dataset import Dataset
from crsgym.retrieval.likeness import Likeness
from crsgym.retrieval.sparse import from_pairs
from crsgym.text.tfidf import HashedTfidf


@pytest.fixture
def likeness(toy_dataset: Dataset) -> Likeness:
    return Likeness.of(toy_dataset.catalogue, HashedTfidf(256))


def test_an_item_is_not_compared_with_itself(likeness: Likeness) -> None:
    for rows in likeness.to(from_pairs([(i, i) for i in range(12)], (12, 12))):
        assert np.diag(rows) == pytest.approx(0, abs=1e-6)


def test_attributes_in_common(likeness: Likeness) -> None:
    # Item 0 has genre0 (4 of 12 items) and Director 0 (3 of 12); item 4 shares the director.
    genre, director = np.log(12 / 4), np.log(12 / 3)
    _, attributes, _ = likeness.to(from_pairs([(0, 0)], (1, 12)))
    length = genre**2 + director**2
    assert attributes[0, 4] == pytest.approx(director**2 / length, rel=1e-5)
    assert attributes[0, 3] == pytest.approx(genre**2 / length, rel=1e-5)
    assert attributes[0, 1] == 0


def test_titles_in_common(likeness: Likeness, toy_dataset: Dataset) -> None:
    first, second = (i for i, t in enumerate(toy_dataset.catalogue.titles) if "Halloween" in t)
    *_, titles = likeness.to(from_pairs([(0, first)], (1, 12)))
    assert titles[0, second] == pytest.approx(1, rel=1e-5)
    assert titles[0].sum() == pytest.approx(1, rel=1e-5)


def test_stored_and_restored(likeness: Likeness) -> None:
    weights = from_pairs([(0, 0), (0, 7)], (1, 12))
    again = Likeness.restore(likeness.arrays())
    for before, after in zip(likeness.to(weights), again.to(weights), strict=True):
        assert np.array_equal(before, after)
