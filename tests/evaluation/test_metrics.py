"""Metrics against values worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crsgym.errors import ConfigurationError
from crsgym.evaluation.metrics import (
    DEFAULT_METRICS,
    MRR,
    NDCG,
    Recall,
    parse_metric,
    parse_metrics,
)

RANKS = [1, 2, 3, 10, 11, 0]


def test_golden_values() -> None:
    assert Recall(1)(RANKS).tolist() == [1, 0, 0, 0, 0, 0]
    assert Recall(10)(RANKS).tolist() == [1, 1, 1, 1, 0, 0]
    # 1/log2(2) = 1, 1/log2(3), 1/log2(4) = 1/2, 1/log2(11)
    assert NDCG(10)(RANKS).tolist() == pytest.approx(
        [1, 0.6309297535714575, 0.5, 0.2890648263178879, 0, 0]
    )
    assert MRR(10)(RANKS).tolist() == pytest.approx([1, 1 / 2, 1 / 3, 1 / 10, 0, 0])
    assert MRR(2)(RANKS).tolist() == pytest.approx([1, 1 / 2, 0, 0, 0, 0])


def test_shape_is_kept() -> None:
    ranks = np.array([[1, 0], [4, 2], [3, 3]])
    for metric in DEFAULT_METRICS:
        values = metric(ranks)
        assert values.shape == ranks.shape
        assert values.dtype == np.float64
    assert Recall(3)(np.zeros((0, 5), dtype=np.int64)).shape == (0, 5)


@given(st.lists(st.integers(0, 50), min_size=1), st.integers(1, 20))
def test_bounds_and_order(ranks: list[int], k: int) -> None:
    recall, ndcg, mrr = (metric(k)(ranks) for metric in (Recall, NDCG, MRR))
    assert ((mrr >= 0) & (mrr <= ndcg) & (ndcg <= recall) & (recall <= 1)).all()
    assert (Recall(k + 1)(ranks) >= recall).all()
    for rank, gain in zip(ranks, ndcg, strict=True):
        assert gain == pytest.approx(1 / math.log2(rank + 1) if 1 <= rank <= k else 0)


def test_keys_and_labels() -> None:
    assert [metric.key for metric in DEFAULT_METRICS] == [
        "recall@1",
        "recall@10",
        "ndcg@10",
        "mrr@10",
    ]
    assert [metric.label for metric in DEFAULT_METRICS] == [
        "Recall@1",
        "Recall@10",
        "NDCG@10",
        "MRR@10",
    ]
    assert parse_metric("nDCG@5") == NDCG(5)
    assert parse_metric(" recall@1 ") == Recall(1)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("recal@10", "did you mean 'recall'"),
        ("recall", "such as 'recall@10'"),
        ("recall@0", "positive integer"),
        ("recall@-1", "such as 'recall@10'"),
    ],
)
def test_a_wrong_key_says_what_is_right(key: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_metric(key)


def test_several() -> None:
    assert parse_metrics(["recall@5", "mrr@5"], list_length=5) == (Recall(5), MRR(5))
    assert parse_metrics(None, list_length=10) == DEFAULT_METRICS
    assert parse_metrics(None, list_length=3) == (Recall(1), Recall(3), NDCG(3), MRR(3))
    assert parse_metrics(None, list_length=1) == (Recall(1),)
    for keys, message in (
        (["recall@20"], "cannot be told from lists of 10"),
        ([], "at least one"),
        (["recall@5", "Recall@5"], "named twice"),
        ("recall@5", "a sequence of names"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            parse_metrics(keys, list_length=10)


def test_ranks_must_be_ranks() -> None:
    with pytest.raises(ValueError, match="count from 1"):
        Recall(1)([-1])
    with pytest.raises(TypeError, match="integers"):
        Recall(1)([1.0])
