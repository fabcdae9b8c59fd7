from __future__ import annotations

import pytest

from crsgym.evaluation.feedback import feedback_experiment


@pytest.fixture(scope="module")
def experiment():
    return feedback_experiment(
        "Synthetic-v0", simulator="attributes", limit=120, turns=3, controls=("silent", "noisy")
    )


def test_a_user_that_tells_attributes_is_worth_more_than_silence(experiment) -> None:
    gain = experiment.gain("silent").only(turn=3, stratum="all", metric="recall@10")
    assert gain.difference > 0
    assert gain.excludes_zero
    assert "feedback adds over silent" in experiment.verdict()
    at_first = experiment.gain("silent").only(turn=1, stratum="all", metric="recall@10")
    assert at_first.difference == 0  # nobody has spoken yet


def test_nothing_said_adds_nothing_and_the_words_say_so(experiment) -> None:
    silence = feedback_experiment(
        "Synthetic-v0", simulator="silent:rules", limit=60, turns=2, controls=("silent",)
    )
    assert "adds nothing that can be told over silent" in silence.verdict()


def test_table_and_dict(experiment) -> None:
    table = experiment.table()
    assert table.columns == ("stratum", "user", "turn 1", "turn 2", "turn 3")
    assert [row[:2] for row in table.rows[:3]] == [
        ("all", "normal"),
        ("all", "silent"),
        ("all", "noisy"),
    ]
    told = experiment.to_dict()
    assert told["means"].keys() == {"normal", "silent", "noisy"}
    assert told["gains"].keys() == {"silent", "noisy"}
    assert told["verdict"] == experiment.verdict()
