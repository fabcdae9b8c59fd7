"""The Plackett-Luce model: golden values, the sum over all lists, frequencies of draws."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from agents import plackett_luce

SCORES = torch.log(torch.tensor([[1.0, 2.0, 3.0]]))
ALL = torch.ones(1, 3, dtype=torch.bool)


def test_the_log_probability_of_a_list_is_worked_out_by_hand() -> None:
    # Weights 1, 2, 3. First the third item: 3/6. Then the first, with 1 and 2 left: 1/3. Then 1.
    got = plackett_luce.log_prob(SCORES, ALL, torch.tensor([[2, 0, 1]]))
    assert got.exp().tolist() == [pytest.approx([1 / 2, 1 / 3, 1.0])]


def test_a_shorter_list_leaves_the_rest_in_every_denominator() -> None:
    got = plackett_luce.log_prob(SCORES, ALL, torch.tensor([[1, 0]]))
    assert got.exp().tolist() == [pytest.approx([2 / 6, 1 / 4])]


def test_a_masked_item_takes_no_part() -> None:
    mask = torch.tensor([[True, False, True]])
    got = plackett_luce.log_prob(SCORES, mask, torch.tensor([[0, 2, 1]]))
    assert got[0, :2].exp().tolist() == pytest.approx([1 / 4, 1.0])
    assert got[0, 2] == 0.0


def test_the_gradient_of_a_list_is_worked_out_by_hand() -> None:
    # d/ds of log P(first = item 2) is the indicator less the probabilities 1/6, 2/6, 3/6.
    scores = SCORES.clone().requires_grad_()
    plackett_luce.log_prob(scores, ALL, torch.tensor([[2]])).sum().backward()
    assert scores.grad is not None
    assert scores.grad.tolist() == [pytest.approx([-1 / 6, -2 / 6, 1 - 3 / 6])]


@given(
    scores=st.lists(st.floats(-20, 20), min_size=1, max_size=5),
    length=st.integers(1, 5),
)
def test_the_probabilities_of_all_lists_sum_to_one(scores: list[float], length: int) -> None:
    length = min(length, len(scores))
    lists = torch.tensor(list(itertools.permutations(range(len(scores)), length)))
    rows = torch.tensor([scores], dtype=torch.float64).expand(len(lists), -1)
    got = plackett_luce.log_prob(rows, torch.ones_like(rows, dtype=torch.bool), lists)
    assert float(got.sum(dim=1).exp().sum()) == pytest.approx(1.0, abs=1e-9)


def test_draws_are_as_frequent_as_their_probability() -> None:
    number = 20_000
    drawn = plackett_luce.sample(
        SCORES.expand(number, -1),
        ALL.expand(number, -1),
        2,
        generator=torch.Generator().manual_seed(1),
    )
    for first, second in itertools.permutations(range(3), 2):
        listed = torch.tensor([[first, second]])
        expected = float(plackett_luce.log_prob(SCORES, ALL, listed).sum().exp())
        seen = float((drawn == listed).all(dim=1).float().mean())
        # Five standard errors.
        assert seen == pytest.approx(expected, abs=5 * math.sqrt(expected / number))


def test_the_likeliest_list_is_by_score_and_ties_keep_their_order() -> None:
    scores = torch.tensor([[0.0, 1.0, 0.0, 1.0]])
    mask = torch.tensor([[True, True, True, True]])
    assert plackett_luce.best(scores, mask, 4).tolist() == [[1, 3, 0, 2]]
    assert plackett_luce.best(scores, mask & (scores == 0), 2).tolist() == [[0, 2]]


def test_several_lists_for_one_row_share_its_scores() -> None:
    scores, mask = SCORES[:, None].expand(-1, 2, -1), ALL[:, None].expand(-1, 2, -1)
    lists = torch.tensor([[[2, 0, 1], [1, 0, 2]]])
    got = plackett_luce.log_prob(scores, mask, lists)
    one_by_one = [plackett_luce.log_prob(SCORES, ALL, lists[:, m]) for m in range(2)]
    assert torch.allclose(got, torch.stack(one_by_one, dim=1))
