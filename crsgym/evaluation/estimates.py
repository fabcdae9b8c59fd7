"""Means with intervals, for each turn, stratum and quantity, and paired differences of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crsgym.evaluation.bootstrap import Bootstrap, interval, p_value
from crsgym.evaluation.metrics import Metric
from crsgym.evaluation.result import AgentResult

Values = npt.NDArray[np.float64]
Masks = Mapping[str, npt.NDArray[np.bool_]]

CANDIDATE_RECALL = "candidate_recall"
"""Share of the scenarios whose target is among the candidates: the ceiling of who ranks them."""
MEAN_REWARD = "mean_reward"
"""Mean weighted reward of an answer."""


@dataclass(frozen=True, eq=False)
class Estimates:
    """``T`` turns, ``S`` strata, ``M`` quantities. NaN where a stratum is empty."""

    quantities: tuple[str, ...]
    """Names along the last axis: the keys of the metrics, then the two above."""
    strata: tuple[str, ...]
    mean: Values
    """Shape (T, S, M)."""
    low: Values
    """Lower end of the 95% interval, (T, S, M); NaN with fewer than two dialogues."""
    high: Values
    draws: Values
    """Bootstrap means, shape (B, T, S, M)."""


def estimate(
    result: AgentResult, metrics: Sequence[Metric], masks: Masks, bootstrap: Bootstrap
) -> Estimates:
    """Every mean of one agent with its interval."""
    columns = [metric(result.target_rank) for metric in metrics]
    columns.append((result.candidate_rank > 0).astype(np.float64))
    columns.append(result.reward)
    values = np.stack(columns, axis=-1)
    n, turns, quantities = values.shape
    shape = (turns, len(masks), quantities)
    mean = np.full(shape, np.nan)
    draws = np.full((bootstrap.replicates, *shape), np.nan)
    for s, mask in enumerate(masks.values()):
        if not mask.any():
            continue
        mean[:, s] = values[mask].mean(axis=0)
        if bootstrap.num_dialogues_in(mask) > 1:
            flat = bootstrap.means(values.reshape(n, -1), mask)
            draws[:, :, s] = flat.reshape(-1, turns, quantities)
    low, high = interval(draws)
    names = (*(metric.key for metric in metrics), CANDIDATE_RECALL, MEAN_REWARD)
    return Estimates(names, tuple(masks), mean, low, high, draws)


@dataclass(frozen=True)
class Difference:
    """A paired difference of two means over the same scenarios."""

    agent: str
    baseline: str
    turn: int
    """Turn of the agent."""
    baseline_turn: int
    """Turn of the baseline; the same, unless an agent is compared with its own first turn."""
    stratum: str
    metric: str
    difference: float
    """Mean of the agent minus mean of the baseline."""
    low: float
    """95% interval; NaN where the stratum has fewer than two dialogues."""
    high: float
    p_value: float
    """Two-sided; NaN likewise; not corrected for how many differences are looked at."""

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


def differences(
    names: tuple[str, str],
    agent: Estimates,
    baseline: Estimates,
    turns: Sequence[tuple[int, int]],
) -> list[Difference]:
    """Paired differences, from bootstrap means of the same draws.

    Args:
        names: of the agent and of the baseline.
        agent: made with the same :class:`Bootstrap` and metrics as ``baseline``.
        baseline: what is subtracted, in the strata that both have.
        turns: which turn of the one with which turn of the other, from 1.
    """
    rows = []
    shared = [name for name in agent.strata if name in baseline.strata]
    mine = [agent.strata.index(name) for name in shared]
    theirs = [baseline.strata.index(name) for name in shared]
    for turn, other in turns:
        mean = agent.mean[turn - 1, mine] - baseline.mean[other - 1, theirs]
        draws = agent.draws[:, turn - 1, mine] - baseline.draws[:, other - 1, theirs]
        low, high = interval(draws)
        p = p_value(draws)
        for s, m in zip(*np.nonzero(np.isfinite(mean)), strict=True):
            numbers = (float(table[s, m]) for table in (mean, low, high, p))
            where = (shared[s], agent.quantities[m])
            rows.append(Difference(*names, turn, other, *where, *numbers))
    return rows


__all__ = [
    "CANDIDATE_RECALL",
    "MEAN_REWARD",
    "Difference",
    "Estimates",
    "differences",
    "estimate",
]
