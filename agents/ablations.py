"""The ranker with one thing taken away at a time.

    python -m agents.ablations --env INSPIRED-v0 --simulator attributes --out DIR

Each row is trained and played without the thing, on its own copy of the environment; a training
that is done is not done again. The table is ``DIR/report.md``. With a user that is a language model
trained on three tasks, the options of one that was trained on feedback alone add a row:

    python -m agents.ablations --env Synthetic-v0 --simulator llm --out DIR \
        --simulator-options '{"model": "transformers:ALL"}' \
        --single-task-options '{"model": "transformers:FEEDBACK"}'
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from crsgym.evaluation.metrics import DEFAULT_METRICS
from crsgym.evaluation.table import Table
from crsgym.plugins import unknown
from crsgym.registry import entry_of
from crsgym.retrieval import RETRIEVERS
from crsgym.task import Task

from .ranker import Ranker
from .ranker_config import Mode
from .ranker_experiment import ExperimentSettings, train_modes
from .ranker_training import split_of
from .settings import leave, parse
from .trials import Trials, play_all

FULL = "full"


@dataclass(frozen=True)
class Ablation:
    """One row: what differs from the full method."""

    name: str
    mode: Mode = "supervised-rl"
    silent: bool = False
    """Whether the user says nothing."""
    retriever_options: Mapping[str, Any] = field(default_factory=dict)
    reward_weights: Mapping[str, float] = field(default_factory=dict)
    single_task: bool = False
    """Whether the user was trained on feedback alone."""
    constant: bool = False
    """Whether it takes away what is the same for every answer of a ranker, so that nothing can
    change: no training is spent on it."""

    @property
    def same_world(self) -> bool:
        """Whether conversations go as in the full method, so that its supervised stage serves."""
        return not (self.silent or self.single_task or self.retriever_options)


ABLATIONS: tuple[Ablation, ...] = (
    Ablation(FULL),
    Ablation("no RL", mode="supervised"),
    Ablation("no SFT", mode="rl"),
    Ablation("no preference in retrieval", retriever_options={"use_preference": False}),
    Ablation("no list in retrieval", retriever_options={"use_list": False}),
    Ablation("no feedback", silent=True),
    Ablation("single-task user", single_task=True),
    Ablation("no hit reward", reward_weights={"hit": 0.0}),
    Ablation("no rank reward", reward_weights={"rank": 0.0}),
    Ablation("no preference reward", reward_weights={"preference": 0.0}),
    Ablation("no format rewards", constant=True),
)


@dataclass(frozen=True, kw_only=True)
class AblationSettings(ExperimentSettings):
    """Train and play the ranker with one thing taken away at a time. Goes on when called again."""

    seeds: tuple[int, ...] = (0,)
    """Seeds of the trainings, as JSON; `seed`, `modes` and `mode` are not used."""
    single_task_options: dict[str, Any] = field(default_factory=dict)
    """What differs in the options of a user that was trained on feedback alone, as JSON; without it
    that row says so."""
    rows: tuple[str, ...] = tuple(ablation.name for ablation in ABLATIONS)
    """Rows of the table, as JSON; `full` is always one."""

    def __post_init__(self) -> None:
        """Refuse a row that there is not.

        Raises:
            ConfigurationError: with the nearest row.
        """
        super().__post_init__()
        known = [ablation.name for ablation in ABLATIONS]
        for row in self.rows:
            if row not in known:
                raise unknown("row of the ablations", row, known)

    def without(self, ablation: Ablation, split: str) -> Task:
        """The task of a split, without the thing."""
        user = self.simulator or entry_of(self.env).simulator
        other = self.single_task_options if ablation.single_task else {}
        return replace(
            self,
            simulator=f"silent:{user}" if ablation.silent else user,
            simulator_options={**self.simulator_options, **other},
            retriever_options={**self.retriever_options, **ablation.retriever_options},
            reward_weights={**self.reward_weights, **ablation.reward_weights},
        ).task(split)


def missing_options(settings: AblationSettings, ablation: Ablation) -> list[str]:
    """Options of the ablation that the environment's retriever does not have."""
    kind = RETRIEVERS.load(settings.retriever or entry_of(settings.env).retriever)
    known = inspect.signature(kind.fit).parameters
    return [option for option in ablation.retriever_options if option not in known]


def table(rows: Mapping[str, Trials | str], full: Trials) -> Table:
    """Each row's metrics at the last turn, and its difference from the full method.

    Args:
        rows: what was played, or why it was not, by name of the ablation.
        full: the full method.
    """
    last = full.task.world.max_turns
    lines = []
    for name, played in rows.items():
        if isinstance(played, str):
            lines.append((name, *[""] * len(DEFAULT_METRICS), played))
            continue
        means = [str(played.mean(name, metric.key, last)) for metric in DEFAULT_METRICS]
        both = Trials(full.task, {**full.results, **played.results})
        less = "" if name == FULL else both.difference(name, FULL, "ndcg@10", last).signed
        lines.append((name, *means, less))
    labels = [metric.label for metric in DEFAULT_METRICS]
    return Table(f"Turn {last}", ("", *labels, "NDCG@10 less the full method's"), tuple(lines))


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    settings = parse(AblationSettings, "python -m agents.ablations", argv)
    out = Path(settings.out)
    rows: dict[str, Trials | str] = {}
    for ablation in ABLATIONS:
        if ablation.name not in (FULL, *settings.rows):
            continue
        if ablation.constant:
            rows[ablation.name] = "as the full method: every answer of a ranker has the form"
        elif ablation.single_task and not settings.single_task_options:
            rows[ablation.name] = "no such user was given (--single-task-options)"
        elif missing := missing_options(settings, ablation):
            rows[ablation.name] = f"the retriever has no option {', '.join(missing)}"
        else:
            rows[ablation.name] = _play(settings, ablation, out)
    full = rows[FULL]
    if not isinstance(full, Trials):
        raise TypeError(f"expected the full method to be played; got {full!r}")
    text = table(rows, full).to_markdown()
    (out / "report.md").write_text(text, encoding="utf-8")
    print(text)  # noqa: T201
    return 0


def _play(settings: AblationSettings, ablation: Ablation, out: Path) -> Trials:
    """Train what is not trained yet, and play the test split."""
    task = settings.without(ablation, "train")
    own = out if ablation.same_world else out / ablation.name.replace(" ", "-")
    modes: list[Mode] = ["supervised", ablation.mode]
    if ablation.mode == "rl":
        modes = ["rl"]
    folder = own
    if ablation.reward_weights:
        # The supervised stage learns from targets, not from rewards: the full method's will do.
        modes, folder = [ablation.mode], out / ablation.name.replace(" ", "-")
    configs = [
        settings.config(mode, seed) for seed in settings.seeds for mode in dict.fromkeys(modes)
    ]
    train_modes(task, configs, folder, start=own)
    test = split_of(task, "test")
    agents = [Ranker.load(folder / f"{ablation.mode}-{seed}", test) for seed in settings.seeds]
    return play_all({ablation.name: agents}, test)


if __name__ == "__main__":
    leave(main)

__all__ = ["ABLATIONS", "FULL", "Ablation", "AblationSettings", "main", "table"]
