"""Intervals: the draws, the cluster, the pairing, and whether 95% is 95%."""

from __future__ import annotations

import time

import numpy as np
import pytest

from crsgym.errors import ConfigurationError
from crsgym.evaluation.bootstrap import Bootstrap, interval, p_value


def everywhere(n: int) -> np.ndarray:
    return np.ones(n, dtype=bool)


def test_a_draw_is_of_whole_dialogues() -> None:
    # Dialogue a has the values 0 0 0, dialogue b has 1: a draw is aa, ab, ba or bb, and its mean
    # over scenarios is 0/6, 1/4, 1/4 or 2/2.
    means = Bootstrap(["a", "b", "a", "a"]).means(
        np.array([[0.0], [1.0], [0.0], [0.0]]), everywhere(4)
    )
    values, counts = np.unique(means, return_counts=True)
    assert values.tolist() == [0.0, 0.25, 1.0]
    assert counts / counts.sum() == pytest.approx([0.25, 0.5, 0.25], abs=0.04)


def test_the_mean_of_a_stratum_is_over_its_scenarios() -> None:
    bootstrap = Bootstrap(["a", "b", "c"])
    values = np.array([[1.0, 2.0], [3.0, 4.0], [100.0, 100.0]])
    means = bootstrap.means(values, np.array([True, True, False]))
    # A draw of c alone holds no scenario of the stratum.
    told = np.isfinite(means[:, 0])
    assert 0 < (~told).sum() < 0.1 * bootstrap.replicates  # (1/3)^3 of them
    assert set(np.round(means[told, 0], 6)) <= {1.0, 3.0, 2.0, 1.666667, 2.333333}
    assert means[told, 1] - means[told, 0] == pytest.approx(1.0)
    low, high = interval(means)
    assert low.tolist() == [1.0, 2.0]
    assert high.tolist() == [3.0, 4.0]


def test_equal_arguments_give_equal_draws() -> None:
    names = [f"d{i % 7}" for i in range(40)]
    values = np.random.default_rng(0).random((40, 3))
    first, again = (Bootstrap(names, seed=3).means(values, everywhere(40)) for _ in range(2))
    other = Bootstrap(names, seed=4).means(values, everywhere(40))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_interval_is_the_percentiles() -> None:
    means = np.arange(2001, dtype=np.float64)[:, None]
    assert interval(means)[:, 0].tolist() == pytest.approx([50.0, 1950.0])
    means[:1500] = np.nan  # too few draws say anything
    assert np.isnan(interval(means)).all()


def test_p_values_by_hand() -> None:
    n = 1999
    draws = np.ones((n, 3))
    draws[:, 1] = 0.0
    draws[:24, 2] = -1.0
    never, same, some = p_value(draws)
    assert never == pytest.approx(2 * 1 / 2000)
    assert same == 1.0
    assert some == pytest.approx(2 * 25 / 2000)


def test_p_and_interval_agree() -> None:
    rng = np.random.default_rng(1)
    draws = rng.normal(rng.uniform(1.0, 3.0, 200), 1.0, (2000, 200))
    low, high = interval(draws)
    p = p_value(draws)
    clear = np.abs(p - 0.05) > 0.003
    assert clear.sum() > 150
    assert ((low > 0) | (high < 0))[clear].tolist() == (p < 0.05)[clear].tolist()


def coverage(share: float, by_dialogue: bool, trials: int = 400) -> float:
    """How often the interval holds the true mean, where `share` of the variance is of dialogues."""
    rng = np.random.default_rng(5)
    dialogue = np.repeat(np.arange(60), 4)
    names = [str(d) if by_dialogue else str(i) for i, d in enumerate(dialogue)]
    bootstrap = Bootstrap(names, replicates=500)
    own = rng.normal(0, np.sqrt(1 - share), (len(dialogue), trials))
    shared = rng.normal(0, np.sqrt(share), (60, trials))
    low, high = interval(bootstrap.means(own + shared[dialogue], everywhere(len(dialogue))))
    return float(((low <= 0) & (high >= 0)).mean())


def test_coverage_needs_the_cluster() -> None:
    assert 0.90 <= coverage(0.6, by_dialogue=True) <= 0.98
    assert coverage(0.6, by_dialogue=False) < 0.85


def test_pairing_narrows_the_interval() -> None:
    rng = np.random.default_rng(2)
    hard = rng.random((300, 1))
    one = (hard < 0.5).astype(np.float64)
    other = (hard < 0.55).astype(np.float64)
    bootstrap = Bootstrap([str(i) for i in range(300)])
    a, b = (bootstrap.means(values, everywhere(300)) for values in (one, other))
    low, high = interval(b - a)[:, 0]
    apart = sum(np.diff(interval(x)[:, 0])[0] for x in (a, b))
    assert low > 0
    assert high - low < 0.5 * apart


def test_it_is_quick() -> None:
    names = [f"d{i // 3}" for i in range(256)]
    values = np.random.default_rng(0).random((256, 5 * 6))
    start = time.perf_counter()
    bootstrap = Bootstrap(names)
    for _ in range(4):
        interval(bootstrap.means(values, everywhere(256)))
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize(
    ("replicates", "message"),
    [(0, "at least 100"), (99, "at least 100"), (2.5, "an integer"), (True, "an integer")],
)
def test_too_few_draws_are_refused(replicates: object, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Bootstrap(["a"], replicates=replicates)  # type: ignore[arg-type]
