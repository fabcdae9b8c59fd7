"""Soft neighbours, worked by hand on unit vectors of the plane."""

import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from crsgym.retrieval.neighbours import Kernel, Neighbours
from crsgym.retrieval.sparse import from_pairs
from crsgym.types import FloatArray

KERNEL = Kernel(sharpness=2.0, centre=0.5)
KEYS: FloatArray = np.array([[1, 0], [0, 1], [1, 0]], dtype=np.float32)
LABELS = from_pairs([(0, 0), (1, 1), (2, 1)], (3, 2))
OWNER = np.array([0, 1, 1])
QUERY: FloatArray = np.array([[1, 0]], dtype=np.float32)
SAME = math.e - 1 / math.e  # cosine 1: exp(2 * 0.5) - exp(-1); cosine 0: nothing


@pytest.mark.parametrize("keys", [KEYS, csr_matrix(KEYS)])
def test_items_of_near_keys(keys: object) -> None:
    near = Neighbours(keys, LABELS, OWNER)
    scores = near.scores(QUERY, np.array([-1]), KERNEL)
    assert scores[0] == pytest.approx([math.log1p(SAME), math.log1p(SAME)], rel=1e-6)


def test_keys_of_the_own_conversation_do_not_count() -> None:
    near = Neighbours(KEYS, LABELS, OWNER)
    assert near.scores(QUERY, np.array([1]), KERNEL)[0, 1] == 0
    assert near.scores(QUERY, np.array([0]), KERNEL)[0, 0] == 0


def test_the_mean_counts_an_items_other_keys() -> None:
    near = Neighbours(KEYS, LABELS, OWNER)
    # Item 1 has two keys, one of them near: SAME / (2 + 3). Item 0: SAME / (1 + 3).
    scores = near.scores(QUERY, np.array([-1]), KERNEL, mean=True)
    assert scores[0] == pytest.approx([math.log1p(SAME / 4), math.log1p(SAME / 5)], rel=1e-6)
    # For conversation 1, item 1 has no key left.
    assert near.scores(QUERY, np.array([1]), KERNEL, mean=True)[0, 1] == 0


def test_stored_and_restored() -> None:
    near = Neighbours(csr_matrix(KEYS), LABELS, OWNER)
    again = Neighbours.restore(near.arrays())
    own = np.array([-1])
    assert np.array_equal(again.scores(QUERY, own, KERNEL), near.scores(QUERY, own, KERNEL))
