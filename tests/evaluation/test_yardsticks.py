"""The yardsticks on the generated data: their order, the ceiling, and what a user brings."""

from __future__ import annotations

import itertools

import pytest

from crsgym.baselines import BASELINES
from crsgym.evaluation import Report, bench, evaluate


@pytest.fixture(scope="module")
def report() -> Report:
    """Five turns of every yardstick on the whole test split, as `make demo` plays them."""
    return bench(BASELINES, "Synthetic-v0", turns=5)


@pytest.mark.slow
def test_their_order_is_beyond_doubt(report: Report) -> None:
    for turn in (1, 5):
        for lower, higher in itertools.pairwise(BASELINES):
            row = report.comparisons.only(
                agent=higher, baseline=lower, turn=turn, stratum="all", metric="recall@10"
            )
            assert row.low > 0, row
            assert row.p_value < 0.05, row


@pytest.mark.slow
def test_the_oracle_uses_every_candidate(report: Report) -> None:
    oracle = report.agents["oracle"]
    assert ((oracle.target_rank == 1) == (oracle.candidate_rank > 0)).all()
    assert (oracle.target_rank <= 1).all()
    assert all(facts.reward_terms["preference"] > 0.99 for facts in oracle.facts)


@pytest.mark.slow
def test_the_yardsticks_write_faultless_answers(report: Report) -> None:
    for name, result in report.agents.items():
        for facts in result.facts:
            assert set(facts.answer_issues) <= {"not_a_candidate"}, name
            assert facts.reward_terms["think_format"] == 1.0
            assert facts.reward_terms["answer_format"] == 1.0


def test_a_user_who_knows_the_target_helps() -> None:
    report = evaluate("retriever", "Synthetic-v0", turns=5, simulator="attributes", limit=200)
    row = report.gains.only(stratum="all", metric="recall@10")
    assert (row.turn, row.baseline_turn) == (5, 1)
    assert row.low > 0
    assert report.target_aware
    assert "target-aware" in str(report)
    rates = [facts.title_leak_rate for facts in report.agents["retriever"].facts]
    assert rates[0] is None
    assert rates[1:] == [0.0] * 4
