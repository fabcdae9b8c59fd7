"""What a user's feedback is worth: one agent, with the user and with controls in its place.

Further turns are further guesses, so a curve that rises says nothing of feedback by itself. The
``silent`` user gives the turns without the words; what is above it is the feedback's (compare the
"blind simulator" and "noisy feedback" experiments of SMTPO, figure 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from crsgym.evaluation.comparison import Comparison
from crsgym.evaluation.evaluate import bench, evaluation_task
from crsgym.evaluation.report import Report
from crsgym.evaluation.table import Table, number, with_interval
from crsgym.protocols import describe
from crsgym.simulators.controls import CONTROLS, wrap

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from crsgym.registry import TaskOptions
    from crsgym.task import Task

NORMAL = "normal"


@dataclass(frozen=True)
class FeedbackExperiment:
    """One report for the user as it is, and one for each control."""

    user: str
    """Name of the user."""
    agent: str
    reports: Mapping[str, Report]
    """By ``"normal"`` or the name of the control."""

    def gain(self, control: str = "silent") -> Comparison:
        """The user as it is, minus a control: paired, by turn and stratum."""
        return self.reports[NORMAL].compare(self.reports[control])

    def table(self, metric: str = "recall@10") -> Table:
        """One metric by turn: a row for each stratum and control, with intervals."""
        turns = self.reports[NORMAL].turns
        rows = []
        for at, stratum in enumerate(self.reports[NORMAL].estimates[self.agent].strata):
            for control, report in self.reports.items():
                estimates = report.estimates[self.agent]
                q = estimates.quantities.index(metric)
                cells = [
                    with_interval(
                        float(estimates.mean[t, at, q]),
                        float(estimates.low[t, at, q]),
                        float(estimates.high[t, at, q]),
                    )
                    for t in range(turns)
                ]
                rows.append((stratum, control, *cells))
        columns = ("stratum", "user", *(f"turn {t + 1}" for t in range(turns)))
        return Table(f"{metric} of {self.agent} with {self.user}", columns, tuple(rows), labels=2)

    def verdict(self, metric: str = "recall@10") -> str:
        """In words, whether the feedback adds anything over each control at the last turn."""
        turn = self.reports[NORMAL].turns
        sentences = []
        for control in self.reports:
            if control == NORMAL:
                continue
            row = self.gain(control).select(turn=turn, stratum="all", metric=metric).rows[0]
            shown = with_interval(row.difference, row.low, row.high)
            if not row.excludes_zero:
                words = f"adds nothing that can be told over {control}"
            else:
                words = f"{'adds' if row.difference > 0 else 'costs'} over {control}"
            sentences.append(f"feedback {words}: {shown}, p = {number(row.p_value)}")
        return f"At turn {turn}, {metric} of {self.agent} with {self.user}: " + "; ".join(sentences)

    def to_dict(self, metric: str = "recall@10") -> dict[str, Any]:
        """JSON-able: the means by turn, the paired gains over each control, and the verdict."""
        means = {}
        for control, report in self.reports.items():
            estimates = report.estimates[self.agent]
            q = estimates.quantities.index(metric)
            means[control] = [round(float(v), 6) for v in estimates.mean[:, 0, q]]
        return {
            "agent": self.agent,
            "metric": metric,
            "means": means,
            "gains": {
                control: self.gain(control).select(metric=metric).to_list()
                for control in self.reports
                if control != NORMAL
            },
            "verdict": self.verdict(metric),
        }


def feedback_experiment(
    task: Task | str,
    *,
    agent: Any = "retriever",
    controls: Sequence[str] = CONTROLS,
    turns: int | None = None,
    seed: int = 0,
    batch_size: int = 64,
    progress: bool | None = None,
    **options: Unpack[TaskOptions],
) -> FeedbackExperiment:
    """Evaluate one agent with the user, and with each control around it.

    Args:
        task: an environment id, or a task.
        agent: as :func:`crsgym.evaluate` takes it.
        controls: which (see :mod:`crsgym.simulators.controls`).
        turns: as in ``evaluate``, and so are the other keywords.

    Raises:
        ConfigurationError: when an argument cannot work.
    """
    from crsgym.baselines import agent_name

    task = evaluation_task(task, turns=turns, options=options)
    world, user = task.world, task.world.simulator
    name = str(describe(user).get("kind", type(user).__name__))
    tasks: dict[str, Task] = {}
    for control in (NORMAL, *controls):
        simulator = user if control == NORMAL else wrap(control, user, task.dataset)
        tasks[control] = replace(task, world=world.replace(simulator=simulator))
    # All of them are made before one is played: a control may need what is not there.
    reports = {
        control: bench([agent], played, seed=seed, batch_size=batch_size, progress=progress)
        for control, played in tasks.items()
    }
    return FeedbackExperiment(name, agent_name(agent), reports)


__all__ = ["FeedbackExperiment", "feedback_experiment"]
