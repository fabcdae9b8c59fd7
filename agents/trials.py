"""Several trainings of one agent against others: means over seeds, with paired intervals.

A seed is a repetition, not more data: a scenario's value is its mean over the seeds, and the
bootstrap draws dialogues, as everywhere (:mod:`crsgym.evaluation.bootstrap`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from crsgym.baselines import make_agent
from crsgym.errors import ConfigurationError
from crsgym.evaluation.bootstrap import Bootstrap, interval, p_value
from crsgym.evaluation.metrics import parse_metric
from crsgym.evaluation.result import AgentResult
from crsgym.evaluation.strata import stratify
from crsgym.evaluation.table import with_interval
from crsgym.plugins import unknown
from crsgym.protocols import Agent
from crsgym.rollout import rollout
from crsgym.task import Task

Values = npt.NDArray[np.float64]

CANDIDATES = "candidates"
"""The quantity beside the metrics: whether the target is among the candidates."""


@dataclass(frozen=True)
class Mean:
    """A mean, or a difference of two, with its 95% interval."""

    value: float
    low: float
    high: float
    p: float
    """Two-sided p-value of a difference being 0; NaN for a mean."""

    def __str__(self) -> str:
        """As tables print it: ``.262 [.204,.325]``."""
        return with_interval(self.value, self.low, self.high)

    @property
    def signed(self) -> str:
        """The same with a plus sign where it is positive."""
        return f"+{self}" if self.value > 0 else str(self)


class Trials:
    """What agents achieved on one task, each in one or several trainings.

    Args:
        task: what was played.
        results: of each name, one result for each seed.
        replicates: bootstrap draws.
    """

    def __init__(
        self, task: Task, results: Mapping[str, Sequence[AgentResult]], *, replicates: int = 2000
    ) -> None:
        self.task = task
        self.results = dict(results)
        self._bootstrap = Bootstrap([s.dialogue_id for s in task.scenarios], replicates=replicates)

    @cached_property
    def masks(self) -> Mapping[str, npt.NDArray[np.bool_]]:
        """The strata: which scenarios belong to each."""
        return stratify(self.task.scenarios, self.task.dataset.target_counts())

    def values(self, name: str, metric: str, turn: int) -> Values:
        """The value of every scenario at a turn, averaged over the seeds: (n,)."""
        if name not in self.results:
            raise unknown("agent", name, self.results)
        rows = []
        for result in self.results[name]:
            if metric == CANDIDATES:
                rows.append((result.candidate_rank[:, turn - 1] > 0).astype(np.float64))
            else:
                rows.append(parse_metric(metric)(result.target_rank[:, turn - 1]))
        mean: Values = np.mean(rows, axis=0)
        return mean

    def mean(self, name: str, metric: str, turn: int, stratum: str = "all") -> Mean:
        """The mean of a metric at a turn."""
        return self._mean(self.values(name, metric, turn), stratum, compared=False)

    def difference(
        self, name: str, baseline: str, metric: str, turn: int, stratum: str = "all"
    ) -> Mean:
        """The paired difference of two agents, ``name`` minus ``baseline``."""
        values = self.values(name, metric, turn) - self.values(baseline, metric, turn)
        return self._mean(values, stratum, compared=True)

    def spread(self, name: str, metric: str, turn: int) -> float:
        """Standard deviation over the seeds of the mean; NaN for a single one."""
        means = [
            float(parse_metric(metric)(result.target_rank[:, turn - 1]).mean())
            for result in self.results[name]
        ]
        return float(np.std(means, ddof=1)) if len(means) > 1 else float("nan")

    def _mean(self, values: Values, stratum: str, *, compared: bool) -> Mean:
        mask = self.masks[stratum]
        if not mask.any():
            return Mean(*[float("nan")] * 4)
        draws = self._bootstrap.means(values[:, None], mask)[:, 0]
        low, high = interval(draws)
        p = float(p_value(draws[:, None])[0]) if compared else float("nan")
        return Mean(float(values[mask].mean()), float(low), float(high), p)


def play_all(
    agents: Mapping[str, Sequence[Agent | str]],
    task: Task,
    *,
    seed: int = 0,
    replicates: int = 2000,
) -> Trials:
    """Play a task to its last turn with every agent.

    Args:
        agents: of each name, one agent for each seed it was trained with; or names of agents.
        task: with ``success="never"``, so that every turn is over one set.
        seed: of the episodes, the same for all.
        replicates: bootstrap draws.

    Raises:
        ConfigurationError: when the task's episodes may end before their last turn.
    """
    if task.world.success != "never":
        raise ConfigurationError("every turn is scored over all scenarios: success='never'")
    results = {}
    for name, trained in agents.items():
        results[name] = [
            AgentResult.from_episodes(
                rollout(make_agent(agent, task), task, seed=seed, progress=False),
                name=name,
                turns=task.world.max_turns,
            )
            for agent in trained
        ]
    return Trials(task, results, replicates=replicates)


__all__ = ["CANDIDATES", "Mean", "Trials", "play_all"]
