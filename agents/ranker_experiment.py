"""The ranker in its three trainings, over several seeds, against the retriever's own order.

    python -m agents.ranker_experiment --env INSPIRED-v0 --simulator attributes --out DIR

Trained on train, the epoch chosen on valid, played to the fifth turn on test. A training that is
done is not done again; the report is ``DIR/report.md``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from crsgym.baselines import saved_agent
from crsgym.evaluation.metrics import DEFAULT_METRICS
from crsgym.evaluation.table import Table, number
from crsgym.registry import make_task
from crsgym.task import Task

from .ranker import Ranker
from .ranker_config import Mode, RankerConfig
from .ranker_training import show, split_of, train_ranker
from .settings import leave, parse
from .trials import CANDIDATES, Trials, play_all

MODES: tuple[Mode, ...] = ("supervised", "rl", "supervised-rl")
RETRIEVER = "retriever"
_BY_TURN = {"Recall@10": "recall@10", "NDCG@10": "ndcg@10", "candidates": CANDIDATES}


@dataclass(frozen=True, kw_only=True)
class ExperimentSettings(RankerConfig):
    """Train the ranker in each mode with each seed, and compare. Goes on when called again."""

    env: str
    """Environment id; `crsgym envs` lists them."""
    out: str
    """Folder of the trainings and the report."""
    simulator: str | None = None
    """Simulated user; the environment's own if not given."""
    simulator_options: dict[str, Any] = field(default_factory=dict)
    """Options of the simulated user, as JSON."""
    retriever: str | None = None
    """Retriever; the environment's own if not given."""
    retriever_options: dict[str, Any] = field(default_factory=dict)
    """Options of the retriever, as JSON."""
    reward_weights: dict[str, float] = field(default_factory=dict)
    """Weights of reward terms that are not 1, as JSON."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Seeds of the trainings, as JSON; `seed` is not used."""
    modes: tuple[Mode, ...] = MODES
    """Modes, as JSON; `mode` is not used."""
    limit: int | None = None
    """Train on the first so many scenarios only."""
    report: bool = True
    """Whether to play the test split and write the report once all is trained."""

    def task(self, split: str) -> Task:
        """The task of a split."""
        return make_task(
            self.env,
            split=split,
            simulator=self.simulator,
            simulator_options=self.simulator_options,
            retriever=self.retriever,
            retriever_options=self.retriever_options,
            reward_weights=self.reward_weights or None,
            success="never",
            limit=self.limit if split == "train" else None,
        )

    def config(self, mode: Mode, seed: int) -> RankerConfig:
        """How one training is done."""
        values = {f.name: getattr(self, f.name) for f in fields(RankerConfig)}
        return replace(RankerConfig(**values), mode=mode, seed=seed)


def train_modes(
    task: Task, configs: Sequence[RankerConfig], out: Path, *, start: Path | None = None
) -> list[Path]:
    """Train what is not trained yet; one folder for each, by its mode and seed.

    Args:
        task: of the train split.
        configs: the trainings. One of mode ``"supervised-rl"`` goes on from the supervised one of
            its seed, where that is there.
        out: folder of all of them.
        start: where else the supervised ones are.
    """
    folders = []
    for config in configs:
        folder = out / f"{config.mode}-{config.seed}"
        folders.append(folder)
        if saved_agent(str(folder)) is not None:
            continue
        taught = (start or out) / f"supervised-{config.seed}"
        ready = config.mode == "supervised-rl" and saved_agent(str(taught)) is not None
        before = Ranker.load(taught, task) if ready else None
        print(folder, file=sys.stderr, flush=True)  # noqa: T201
        train_ranker(task, config, out=folder, start=before, log=show)
    return folders


def tables(trials: Trials) -> list[Table]:
    """Means at the last turn by stratum, recall by turn, and paired differences.

    Each agent is compared with those before it.
    """
    last = trials.task.world.max_turns
    metrics = [metric.key for metric in DEFAULT_METRICS]
    labels = [metric.label for metric in DEFAULT_METRICS]
    sizes = {stratum: int(mask.sum()) for stratum, mask in trials.masks.items()}
    means = []
    turns = []
    differences = []
    before: list[str] = []
    for name in trials.results:
        for stratum, size in sizes.items():
            values = [str(trials.mean(name, metric, last, stratum)) for metric in metrics]
            means.append((name, f"{stratum} ({size})", *values))
        for what, key in _BY_TURN.items():
            by_turn = [number(trials.mean(name, key, t).value) for t in range(1, last + 1)]
            spread = "" if key == CANDIDATES else number(trials.spread(name, key, last))
            turns.append((name, what, *by_turn, spread))
        for against in reversed(before):
            for stratum in sizes:
                found = [trials.difference(name, against, m, last, stratum) for m in metrics]
                row = (name, against, stratum, *(difference.signed for difference in found))
                differences.append(row)
        before.append(name)
    every = tuple(f"turn {turn}" for turn in range(1, last + 1))
    return [
        Table(f"Turn {last}", ("agent", "stratum (n)", *labels), tuple(means), labels=2),
        Table("By turn, all", ("agent", "", *every, "sd of seeds"), tuple(turns), labels=2),
        Table(
            f"Paired differences at turn {last}",
            ("agent", "minus", "stratum", *labels),
            tuple(differences),
            labels=3,
        ),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    settings = parse(ExperimentSettings, "python -m agents.ranker_experiment", argv)
    out = Path(settings.out)
    task = settings.task("train")
    configs = [settings.config(mode, seed) for seed in settings.seeds for mode in settings.modes]
    train_modes(task, configs, out)
    if not settings.report:
        return 0
    test = split_of(task, "test")
    agents: dict[str, list[Any]] = {RETRIEVER: [RETRIEVER]}
    for mode in settings.modes:
        agents[mode] = [Ranker.load(out / f"{mode}-{seed}", test) for seed in settings.seeds]
    trials = play_all(agents, test)
    text = "\n".join(table.to_markdown() for table in tables(trials))
    (out / "report.md").write_text(text, encoding="utf-8")
    print(text)  # noqa: T201
    return 0


if __name__ == "__main__":
    leave(main)

__all__ = ["ExperimentSettings", "main", "tables", "train_modes"]
