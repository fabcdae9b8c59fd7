"""Rows over the catalogue for the items that a dialogue mentions."""

import math

import pytest

from crsgym.retrieval.mentions import COPY, copies, mention_weights
from crsgym.types import Utterance

TALK = (
    Utterance("seeker", "", (4,)),
    Utterance("recommender", "", (1, 2)),
    Utterance("seeker", "", (4,)),
)


def test_copies_worked_by_hand() -> None:
    rows = {name: row[0].tolist() for name, row in zip(COPY, copies([TALK], 5), strict=True)}
    assert rows["recency"] == pytest.approx([0, 1 / 3, 1 / 2, 0, 1])
    assert rows["any"] == [0, 1, 1, 0, 1]
    assert rows["times"] == pytest.approx([0, math.log(2), math.log(2), 0, math.log(3)])
    assert rows["by_recommender"] == [0, 1, 1, 0, 0]
    assert rows["in_last"] == [0, 0, 0, 0, 1]
    assert rows["in_last_but_one"] == [0, 1, 1, 0, 0]


def test_mention_weights() -> None:
    weights = mention_weights([TALK, ()], 5).toarray()
    third = 1 / math.sqrt(3)
    assert weights[0] == pytest.approx([0, third, third, 0, third])
    assert not weights[1].any()
    last = mention_weights([TALK, ()], 5, last=True).toarray()
    assert last[0].tolist() == [0, 0, 0, 0, 1]
