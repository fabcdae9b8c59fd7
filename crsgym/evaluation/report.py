"""A report: what agents achieved on a fixed set, and how sure one can be of it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crsgym.errors import ConfigurationError
from crsgym.evaluation.bootstrap import Bootstrap
from crsgym.evaluation.comparison import Comparison
from crsgym.evaluation.estimates import Difference, Estimates, Masks, differences, estimate
from crsgym.evaluation.metrics import DEFAULT_METRICS, Metric, Recall
from crsgym.evaluation.result import AgentResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console, ConsoleOptions, RenderResult


@dataclass(frozen=True, eq=False)
class Report:
    """Agents on the same scenarios, every one of them played to the last turn.

    It prints as tables on a terminal and in a notebook. All numbers come from the ranks and rewards
    it holds, so a report that was saved and loaded says exactly the same.
    """

    env: Mapping[str, Any]
    """``id``, ``spec`` (all that an episode depends on) and ``hash`` of the environment."""
    split: str
    seed: int
    """Seed of the episodes."""
    target_aware: bool
    """Whether the simulated user is told the target. A label-free one is not."""
    scenario_ids: tuple[str, ...]
    """The ``n`` scenarios, in the order of every array."""
    dialogue_ids: tuple[str, ...]
    """The recorded dialogue of each scenario: the unit of the bootstrap."""
    masks: Masks
    """Which scenarios belong to which stratum, each of shape (n,)."""
    agents: Mapping[str, AgentResult]
    metrics: tuple[Metric, ...] = DEFAULT_METRICS
    replicates: int = 2000
    """Bootstrap draws."""
    published: bool = False
    """Whether quoted results of other papers are shown beside."""
    audit: Mapping[str, Any] | None = None
    """What :func:`crsgym.simulators.audit.audit` says of the user, over the episodes of all agents;
    None where it never spoke, as in episodes of one turn."""

    def __post_init__(self) -> None:
        """Refuse parts that do not belong together.

        Raises:
            ConfigurationError: when there is no agent, or something is not over all scenarios.
        """
        if not self.agents:
            raise ConfigurationError("a report needs at least one agent")
        n = len(self.scenario_ids)
        lengths = {
            "dialogue ids": len(self.dialogue_ids),
            **{f"stratum {name}": len(mask) for name, mask in self.masks.items()},
            **{f"agent {name}": len(result.target_rank) for name, result in self.agents.items()},
        }
        for what, length in lengths.items():
            if length != n:
                raise ConfigurationError(
                    f"expected {n} scenarios in every part; {what} has {length}"
                )
        if len({result.turns for result in self.agents.values()}) > 1:
            raise ConfigurationError("every agent of a report must have played as many turns")

    @property
    def turns(self) -> int:
        """``T``."""
        return next(iter(self.agents.values())).turns

    @cached_property
    def bootstrap(self) -> Bootstrap:
        """The draws that every agent is averaged over."""
        return Bootstrap(self.dialogue_ids, replicates=self.replicates, seed=0)

    @cached_property
    def estimates(self) -> dict[str, Estimates]:
        """Means and intervals of each agent."""
        return {
            name: estimate(result, self.metrics, self.masks, self.bootstrap)
            for name, result in self.agents.items()
        }

    @cached_property
    def comparisons(self) -> Comparison:
        """Each agent against each one named before it, turn by turn, paired."""
        rows: list[Difference] = []
        for baseline, agent in itertools.combinations(self.agents, 2):
            rows += self._differences(agent, baseline, [(t, t) for t in self._turn_numbers])
        return Comparison(tuple(rows))

    @cached_property
    def gains(self) -> Comparison:
        """The last turn of each agent against its own first: what the conversation brought."""
        rows: list[Difference] = []
        if self.turns > 1:
            for name in self.agents:
                rows += self._differences(name, name, [(self.turns, 1)])
        return Comparison(tuple(rows))

    @cached_property
    def main_metric(self) -> str:
        """What curves show and :meth:`best_turn` goes by: recall at the largest cutoff there is."""
        recalls = [metric for metric in self.metrics if isinstance(metric, Recall)]
        return max(recalls or self.metrics, key=lambda metric: metric.k).key

    def best_turn(self, agent: str) -> int:
        """The turn with the highest mean over all scenarios, from 1; the first of equals.

        It is chosen on the very scenarios it is reported on, so it flatters.
        """
        at = self.estimates[agent].quantities.index(self.main_metric)
        return int(self.estimates[agent].mean[:, 0, at].argmax()) + 1

    def compare(self, other: Report) -> Comparison:
        """Paired differences of this report's agents from those of another, turn by turn.

        The environments may differ (another user, another retriever); the scenarios may not.

        Raises:
            TypeError: when the other is no report.
            ConfigurationError: when the scenarios or the metrics are not the same.
        """
        if not isinstance(other, Report):
            hint = "; Report.from_dict reads one" if isinstance(other, Mapping) else ""
            raise TypeError(f"expected another Report; got {type(other).__name__}{hint}")
        for what, mine, theirs in (
            ("scenarios", self.scenario_ids, other.scenario_ids),
            ("dialogues", self.dialogue_ids, other.dialogue_ids),
            ("data sets", self._dataset, other._dataset),
            ("metrics", self.metrics, other.metrics),
            ("bootstrap draws", self.replicates, other.replicates),
        ):
            if mine != theirs:
                raise ConfigurationError(
                    f"the reports cannot be paired: their {what} differ; evaluate both on the same "
                    "split, limit and metrics"
                )
        turns = [(t, t) for t in range(1, min(self.turns, other.turns) + 1)]
        mine_too = set(self.agents) & set(other.agents)
        rows: list[Difference] = []
        for agent, baseline in itertools.product(self.agents, other.agents):
            named = f"{baseline} (other)" if baseline in mine_too else baseline
            rows += differences(
                (agent, named), self.estimates[agent], other.estimates[baseline], turns
            )
        return Comparison(tuple(rows))

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-able data, in the documented schema (``schema.json``)."""
        from crsgym.evaluation.schema import to_dict

        return to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        """Read back what :meth:`to_dict` wrote.

        Raises:
            DataError: when it is something else, or of a later schema.
        """
        from crsgym.evaluation.schema import from_dict

        return from_dict(data)

    @classmethod
    def load(cls, path: str | Path) -> Report:
        """Read a saved ``report.json``; a folder means the report in it.

        Raises:
            DataError: when there is none, or it is damaged.
        """
        from crsgym.evaluation.document import load

        return load(Path(path))

    def save(self, directory: str | Path) -> Path:
        """Write ``report.json``, ``report.md`` and a self-contained ``report.html``.

        Each file is complete or not there. Returns the folder.
        """
        from crsgym.evaluation.document import save

        return save(self, Path(directory))

    def to_json(self) -> str:
        """:meth:`to_dict` as text."""
        from crsgym.evaluation.document import to_json

        return to_json(self)

    def to_markdown(self) -> str:
        """The tables as Markdown."""
        from crsgym.evaluation.document import to_markdown

        return to_markdown(self)

    def to_html(self) -> str:
        """One HTML page with the tables and the curves; it needs no other file."""
        from crsgym.evaluation.document import to_html

        return to_html(self)

    def to_frame(self) -> Any:
        """A ``pandas.DataFrame``, one row for each agent, turn, stratum and quantity.

        Raises:
            ImportError: where pandas is not installed.
        """
        import pandas as pd

        from crsgym.evaluation.schema import to_rows

        return pd.DataFrame(to_rows(self))

    def plot(self, metric: str | None = None, stratum: str = "all") -> Figure:
        """Curves of one quantity over the turns, with 95% bands, as a matplotlib figure.

        Args:
            metric: key of a metric, ``"candidate_recall"`` or ``"mean_reward"``; when None,
                :attr:`main_metric`.
            stratum: which scenarios.

        Raises:
            ConfigurationError: when the report has no such metric or stratum.
        """
        from crsgym.evaluation.plots import curves

        return curves(self, metric or self.main_metric, stratum)

    @property
    def _turn_numbers(self) -> range:
        return range(1, self.turns + 1)

    @property
    def _dataset(self) -> Any:
        return self.env["spec"].get("dataset")

    def _differences(
        self, agent: str, baseline: str, turns: list[tuple[int, int]]
    ) -> list[Difference]:
        return differences(
            (agent, baseline), self.estimates[agent], self.estimates[baseline], turns
        )

    def __str__(self) -> str:
        """The tables as plain text."""
        from crsgym.evaluation.tables import as_text

        return as_text(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The tables, for ``rich``."""
        from crsgym.evaluation.tables import as_rich

        yield from as_rich(self)

    def _repr_html_(self) -> str:
        """The tables, as a notebook shows them."""
        from crsgym.evaluation.document import to_fragment

        return to_fragment(self)


__all__ = ["Report"]
