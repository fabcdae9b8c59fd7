"""``crsgym train``: one command for each kind of thing that learns."""

from __future__ import annotations

import typer

from crsgym.cli.options import ListCommand
from crsgym.cli.train_agents import add_trainers
from crsgym.cli.train_retriever import retriever
from crsgym.cli.train_simulator import simulator

app = typer.Typer(add_completion=False)


class TrainCommand(ListCommand):
    """A training command, whose lists take several values after one flag."""

    lists = ("--tasks", "--users", "--set")


@app.callback()
def train() -> None:
    """Train a retriever, a simulated user or an agent."""


app.command("retriever", cls=TrainCommand)(retriever)
app.command("simulator", cls=TrainCommand)(simulator)
add_trainers(app)

__all__ = ["app", "train"]
