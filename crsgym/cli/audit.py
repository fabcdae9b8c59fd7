"""``crsgym audit``: what a simulated user gives away, and whether what it says is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from crsgym.cli import options
from crsgym.cli.options import ListCommand, parse_settings

app = typer.Typer(add_completion=False)


@app.command(cls=ListCommand)
def audit(
    env: options.Env,
    simulator: options.Simulator = None,
    split: options.Split = "test",
    limit: options.Limit = None,
    turns: options.Turns = 5,
    agent: Annotated[
        str, typer.Option(metavar="NAME", help="Who recommends: a short name, or module:Class.")
    ] = "retriever",
    gain: Annotated[
        bool,
        typer.Option("--gain", help="Also: what the agent gains over silent, blind and shuffled."),
    ] = False,
    retriever: options.Retriever = None,
    settings: options.Settings = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the audit there: audit.html, .md, .json."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the audit as JSON.")] = False,
    seed: options.Seed = 0,
    batch_size: options.BatchSize = 64,
) -> None:
    """Play episodes with a simulated user and audit the exact text that the agent sees.

    Exit code 1 when the user fails: it names the target before anybody else does, or it is
    label-free and the target stands in its prompts.
    """
    from crsgym.registry import make_task
    from crsgym.rollout import rollout
    from crsgym.simulators.audit import audit as run

    task = make_task(
        env,
        split=split,
        limit=limit,
        retriever=retriever,
        simulator=simulator,
        max_turns=turns,
        success="never",
        **parse_settings(settings or ()),
    )
    gained: dict[str, Any] = {}
    if gain:
        from crsgym.evaluation.feedback import feedback_experiment

        experiment = feedback_experiment(
            task,
            agent=agent,
            controls=("silent", "blind", "shuffled"),
            seed=seed,
            batch_size=batch_size,
        )
        gained = {"gain": experiment.to_dict(f"recall@{min(10, task.world.list_length)}")}
    episodes = rollout(agent, task, seed=seed, batch_size=batch_size)
    report: dict[str, Any] = {
        "env": task.id,
        "hash": task.hash,
        "split": split,
        "turns": turns,
        **run(episodes, task.dataset.catalogue, task.world.simulator),
        **gained,
    }
    if out is not None:
        from crsgym.evaluation.document import save_audit

        save_audit(report, out)
        typer.echo(f"audit: {out / 'audit.html'}, .md, .json", err=True)
    if as_json:
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _show(report)
    raise typer.Exit(0 if report["passed"] else 1)


def _show(report: dict[str, Any]) -> None:
    """The audit as tables on standard output."""
    import sys

    from rich.console import Console

    from crsgym.evaluation import audits
    from crsgym.evaluation.table import WIDTH

    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(audits.heading(report), highlight=False, markup=False)
    for table in audits.tables(report):
        console.print(table.to_rich())
    for note in audits.notes(report):
        console.print(note, highlight=False, markup=False)


__all__ = ["app", "audit"]
