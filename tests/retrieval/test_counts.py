"""Counts with one conversation left out, worked by hand on two conversations.

In the toy data conversation 0 mentions items 0 2 3 with targets 2 3, conversation 1 mentions 1 3 5
with targets 3 5.
"""

import numpy as np
import pytest

from crsgym.data.dataset import Dataset
from crsgym.retrieval.counts import Counts, conversations
from crsgym.retrieval.sparse import from_pairs
from crsgym.types import IntArray

NONE: IntArray = np.array([-1])
FIRST: IntArray = np.array([0])


@pytest.fixture
def counts(toy_dataset: Dataset) -> Counts:
    return Counts.of(toy_dataset)


def test_conversations_are_numbered_in_order(toy_dataset: Dataset) -> None:
    assert conversations(toy_dataset) == {"d0": 0, "d1": 1}


def test_targets_and_mentions(counts: Counts) -> None:
    assert counts.target_counts(NONE)[0, :6].tolist() == [0, 0, 1, 2, 0, 1]
    assert counts.target_counts(FIRST)[0, :6].tolist() == [0, 0, 0, 1, 0, 1]
    assert counts.mention_counts(NONE)[0, :6].tolist() == [1, 1, 1, 2, 0, 1]
    assert counts.mention_counts(FIRST)[0, :6].tolist() == [0, 1, 0, 1, 0, 1]


def test_companions_for_a_stranger(counts: Counts) -> None:
    # Item 3 is in both conversations: 0, 2, 1 and 5 each meet it once, of 2 + 3 smoothed.
    found = counts.companions(from_pairs([(0, 3)], (1, 12)), NONE)
    assert found[0, :6] == pytest.approx([0.2, 0.2, 0.2, 0, 0, 0.2])
    assert found[0, 6:].sum() == 0


def test_companions_leave_the_own_conversation_out(counts: Counts) -> None:
    # Without conversation 0, item 3 was once with 1 and 5: 1 / (1 + 3).
    found = counts.companions(from_pairs([(0, 3)], (1, 12)), FIRST)
    assert found[0, :6] == pytest.approx([0, 0.25, 0, 0, 0, 0.25])


def test_a_batch_is_its_rows(counts: Counts) -> None:
    mentioned = from_pairs([(0, 0), (0, 3), (1, 3), (2, 1)], (3, 12))
    own = np.array([0, -1, 1])
    together = counts.companions(mentioned, own)
    for row in range(3):
        alone = counts.companions(mentioned[row], own[row : row + 1])
        assert np.array_equal(alone[0], together[row])


def test_stored_and_restored(counts: Counts) -> None:
    again = Counts.restore(counts.arrays())
    own = np.array([-1, 0, 1])
    assert np.array_equal(again.target_counts(own), counts.target_counts(own))
    assert np.array_equal(again.mention_counts(own), counts.mention_counts(own))
