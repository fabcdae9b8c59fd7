"""Rankers trained under one user, played under others and on other data sets.

    python -m agents.transfer --env INSPIRED-v0 --out DIR

How much of what was learned is the user's, and how much is recommendation: a row is the user that
the policy was trained with, a column the one it meets. Beside each cell stands the gain over the
retriever's own order under the same user. A training that is done is not done again; the matrix is
``DIR/report.md``. A user that is a language model needs options, and one of its own on each data
set:

    python -m agents.transfer --env INSPIRED-v0 --out DIR --users '["rules", "attributes", "llm"]' \
        --user-options '{"llm": {"model": "transformers:DIR"}}'
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from crsgym.evaluation.metrics import parse_metric
from crsgym.evaluation.table import Table
from crsgym.plugins import unknown
from crsgym.task import Task

from .ranker import Ranker
from .ranker_config import Mode
from .ranker_experiment import RETRIEVER, ExperimentSettings, train_modes
from .settings import leave, parse
from .trials import Trials, play_all

CONTROLS = ("blind", "noisy", "shuffled", "silent")


@dataclass(frozen=True, kw_only=True)
class TransferSettings(ExperimentSettings):
    """Train rankers under some users and play them under all. Goes on when called again."""

    users: tuple[str, ...] = ("rules", "attributes")
    """Users to train under, as JSON; `simulator` is not used."""
    against: tuple[str, ...] = ()
    """Users to play under, as JSON; those trained under and the controls of the last when not
    given."""
    user_options: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Options of users, as JSON, by the user or by `"ENV, USER"`, which adds to it; a control has
    those of the user that it wraps. `simulator_options` is not used."""
    envs: tuple[str, ...] = ()
    """Other environments to play on, as JSON."""
    elsewhere: tuple[str, ...] = ()
    """Users to play under there, as JSON; those trained under when not given."""
    other_split: str = "valid"
    """Split of the other environments that is played; not all of them have a test split."""
    trained: Mode = "supervised-rl"
    """Mode of the policies."""
    metric: str = "recall@10"
    """What is reported, at the last turn."""
    other_limit: int | None = 256
    """Scenarios that are played of each of them; None plays all."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of the trainings, as JSON; `seed`, `modes` and `mode` are not used."""

    def __post_init__(self) -> None:
        """Refuse options of a user who does not take part.

        Raises:
            ConfigurationError: with the nearest who does.
        """
        super().__post_init__()
        played = [(self.env, user) for user in (*self.users, *self.met())] + self.others()
        known = dict.fromkeys(name for env, user in played for name in _names(env, user))
        for name in self.user_options:
            if name not in known:
                raise unknown("user of the matrix", name, known)

    def met(self) -> tuple[str, ...]:
        """The users to play under."""
        last = self.users[-1]
        return self.against or (*self.users, *(f"{control}:{last}" for control in CONTROLS))

    def others(self) -> list[tuple[str, str]]:
        """The other environments, each with every user to play under there."""
        return [(env, user) for env in self.envs for user in self.elsewhere or self.users]

    def options_of(self, env: str, user: str) -> dict[str, Any]:
        """The options of a user on an environment."""
        given = (self.user_options.get(name, {}) for name in _names(env, user))
        return {key: value for options in given for key, value in options.items()}

    def under(self, env: str, user: str, split: str) -> Task:
        """The task of a split of an environment, with a user."""
        options = self.options_of(env, user)
        return replace(
            self, env=env, simulator=user, simulator_options=options, user_options={}
        ).task(split)


def places(settings: TransferSettings) -> dict[str, Task]:
    """Every task that is played, by the heading of its column."""
    tasks = {user: settings.under(settings.env, user, "test") for user in settings.met()}
    for env, user in settings.others():
        task = settings.under(env, user, settings.other_split)
        tasks[f"{env}, {user}"] = replace(task, scenarios=task.scenarios[: settings.other_limit])
    return tasks


def matrix(cells: Mapping[str, Trials], users: Sequence[str], metric: str) -> list[Table]:
    """Two tables: the metric at the last turn, and its gain over the retriever's order.

    Args:
        cells: what was played at each place; its agents are the users, and the retriever's order.
        users: the rows.
        metric: such as ``"recall@10"``.
    """
    label = parse_metric(metric).label
    turns = {place: trials.task.world.max_turns for place, trials in cells.items()}
    columns = ("trained under", *(f"{p} ({len(t.task.scenarios)})" for p, t in cells.items()))
    values = [
        (row, *(str(trials.mean(row, metric, turns[p])) for p, trials in cells.items()))
        for row in (RETRIEVER, *users)
    ]
    gains = [
        (row, *(t.difference(row, RETRIEVER, metric, turns[p]).signed for p, t in cells.items()))
        for row in users
    ]
    return [
        Table(f"{label} at the last turn", columns, tuple(values)),
        Table(f"Gain in {label} over the retriever's order", columns, tuple(gains)),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    settings = parse(TransferSettings, "python -m agents.transfer", argv)
    out = Path(settings.out)
    # All are made before any is used, so that a wrong option stops no training half-way.
    lessons = {user: settings.under(settings.env, user, "train") for user in settings.users}
    played = places(settings)
    modes: tuple[Mode, ...] = ("supervised", settings.trained)
    for user, task in lessons.items():
        configs = [
            settings.config(mode, seed) for seed in settings.seeds for mode in dict.fromkeys(modes)
        ]
        train_modes(task, configs, out / _folder(user))
    cells = {}
    for place, task in played.items():
        agents: dict[str, list[Ranker | str]] = {RETRIEVER: [RETRIEVER]}
        for user in settings.users:
            agents[user] = [
                Ranker.load(out / _folder(user) / f"{settings.trained}-{seed}", task)
                for seed in settings.seeds
            ]
        cells[place] = play_all(agents, task)
        print(place, file=sys.stderr, flush=True)  # noqa: T201
    tables = matrix(cells, settings.users, settings.metric)
    text = "\n".join(table.to_markdown() for table in tables)
    (out / "report.md").write_text(text, encoding="utf-8")
    print(text)  # noqa: T201
    return 0


def _names(env: str, user: str) -> tuple[str, ...]:
    """What options of a user may be given under, the most particular last."""
    wrapped = user.rsplit(":", 1)[-1]
    return (wrapped, user, f"{env}, {wrapped}", f"{env}, {user}")


def _folder(user: str) -> str:
    return user.replace(":", "-")


if __name__ == "__main__":
    leave(main)

__all__ = ["TransferSettings", "main", "matrix", "places"]
