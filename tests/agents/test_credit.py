"""Credit by hand-worked numbers, and what holds for every scheme."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agents import credit

# Two conversations: the second found its target at turn 2 and was over.
REWARDS = np.array([[1.0, 2.0, 4.0], [3.0, 6.0, 99.0]])
MASK = np.array([[True, True, True], [True, True, False]])
HALF = 1 / math.sqrt(2)  # (x - mean) / sample deviation of two values, whatever they are


def near(values) -> object:
    return pytest.approx(np.array(values), abs=1e-5)


def test_turn_index_by_hand() -> None:
    plain = credit.turn_index(REWARDS, MASK, scale=False)
    assert plain == near([[-1, -2, 0], [1, 2, 0]])
    assert credit.turn_index(REWARDS, MASK) == near([[-HALF, -HALF, 0], [HALF, HALF, 0]])


def test_trajectory_by_hand() -> None:
    # Returns 7 and 9; what stands behind the end does not count.
    assert credit.trajectory(REWARDS, MASK, scale=False) == near([[-1, -1, -1], [1, 1, 0]])
    scaled = credit.trajectory(REWARDS, MASK)
    assert scaled == near([[-HALF, -HALF, -HALF], [HALF, HALF, 0]])


def test_return_to_go_by_hand() -> None:
    # Discounted by 1/2: 1 + 2/2 + 4/4 = 3, 2 + 4/2 = 4, 4; and 3 + 6/2 = 6, 6.
    assert credit.to_go(REWARDS, MASK, 0.5) == near([[3, 4, 4], [6, 6, 0]])
    plain = credit.return_to_go(REWARDS, MASK, discount=0.5, scale=False)
    assert plain == near([[-1.5, -1, 0], [1.5, 1, 0]])
    undiscounted = credit.return_to_go(REWARDS, MASK, scale=False)
    assert undiscounted == near([[-1, 0, 0], [1, 0, 0]])


def test_rloo_by_hand() -> None:
    rewards = np.array([[1.0], [2.0], [6.0]])
    mask = np.ones_like(rewards, dtype=bool)
    # 1 - (2 + 6) / 2, 2 - (1 + 6) / 2, 6 - (1 + 2) / 2.
    assert credit.rloo(rewards, mask) == near([[-3], [-1.5], [4.5]])
    with pytest.raises(ValueError, match="at least 2; got 1"):
        credit.rloo(rewards[:1], mask[:1])


def test_reinforce_by_hand() -> None:
    # Returns to go 7, 6, 4, 9, 6: mean 6.4, population deviation sqrt(2.64).
    expected = (np.array([[7, 6, 4], [9, 6, 6.4]]) - 6.4) / math.sqrt(2.64)
    assert credit.reinforce(REWARDS, MASK) == near(expected)
    nothing = credit.reinforce(REWARDS, np.zeros_like(MASK))
    assert not nothing.any()


def test_rank_level_by_hand() -> None:
    # Target at rank 2 of 3, and not listed: the gain 1 / log2(3) is places 1 and 2's doing.
    gain = 1 / math.log2(3)
    gains = credit.causal_gains(np.array([2, 0]), 3)
    assert gains == near([[gain, gain, 0], [0, 0, 0]])
    plain = credit.rank_level(np.array([2, 0]), 3, scale=False)
    assert plain == near([[gain / 2, gain / 2, 0], [-gain / 2, -gain / 2, 0]])
    assert credit.rank_level(np.array([2, 0]), 3) == near([[HALF, HALF, 0], [-HALF, -HALF, 0]])


def test_the_causal_gain_of_the_first_place_is_the_dcg_of_the_list() -> None:
    from crsgym.evaluation.metrics import NDCG

    ranks = np.array([0, 1, 2, 5, 10])
    assert credit.causal_gains(ranks, 10)[:, 0] == near(NDCG(10)(ranks))


@pytest.mark.parametrize(
    ("ranks", "length", "message"),
    [
        (np.array([11]), 10, "from 0 to list_length=10"),
        (np.array([-1]), 10, "from 0 to list_length=10"),
        (np.array([1.0]), 10, "integers"),
        (np.array([[1]]), 10, "integers"),
    ],
)
def test_ranks_are_checked(ranks, length, message) -> None:
    with pytest.raises(ValueError, match=message):
        credit.rank_level(ranks, length)


SCHEMES = [
    credit.turn_index,
    credit.trajectory,
    credit.return_to_go,
    credit.rloo,
    credit.reinforce,
]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_shapes_are_checked(scheme) -> None:
    for rewards, mask in (
        (REWARDS[0], MASK[0]),
        (REWARDS, MASK[:1]),
        (REWARDS, MASK.astype(float)),
    ):
        with pytest.raises(ValueError, match=r"expected rewards \(G, T\) and a bool mask"):
            scheme(rewards, mask)
    with pytest.raises(ValueError, match="finite"):
        scheme(np.where(MASK, np.nan, 0), MASK)


@st.composite
def played(draw):
    """Rewards of some conversations, each of which ends at some turn."""
    group, turns = draw(st.integers(2, 5)), draw(st.integers(1, 4))
    rewards = draw(
        hnp.arrays(np.float64, (group, turns), elements=st.floats(-5, 5, allow_subnormal=False))
    )
    ends = draw(st.lists(st.integers(1, turns), min_size=group, max_size=group))
    return rewards, np.arange(turns)[None] < np.array(ends)[:, None]


@pytest.mark.parametrize("scheme", SCHEMES)
@given(game=played(), shift=st.floats(-3, 3))
def test_what_holds_for_every_scheme(scheme, game, shift) -> None:
    rewards, mask = game
    advantages = scheme(rewards, mask)
    assert advantages.shape == rewards.shape
    assert np.isfinite(advantages).all()
    assert not advantages[~mask].any()
    # What stands behind the end of a conversation is no part of it.
    assert scheme(np.where(mask, rewards, 1e3), mask) == near(advantages)
    # The order of the group does not matter.
    assert scheme(rewards[::-1], mask[::-1])[::-1] == near(advantages)
    # Where all are equal nobody is better.
    assert not scheme(np.full_like(rewards, shift), np.ones_like(mask))[:, :1].round(3).any() or (
        scheme is credit.reinforce and rewards.shape[1] > 1
    )


@given(game=played())
def test_group_baselines_leave_a_mean_of_zero(game) -> None:
    rewards, mask = game
    for scheme in (credit.turn_index, credit.return_to_go):
        assert scheme(rewards, mask, scale=False).sum(axis=0) == near(np.zeros(rewards.shape[1]))
    everyone = np.ones_like(mask)
    assert credit.rloo(rewards, everyone).sum(axis=0) == near(np.zeros(rewards.shape[1]))
