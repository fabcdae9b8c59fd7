"""``crsgym evaluate``: one agent on one environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crsgym.cli import options
from crsgym.cli.options import ListCommand, parse_settings, print_report

app = typer.Typer(add_completion=False)


@app.command(cls=ListCommand)
def evaluate(
    env: options.Env,
    agent: Annotated[
        str, typer.Option("--agent", metavar="NAME", help="A short name, or module:Class.")
    ],
    turns: options.Turns = 5,
    split: options.Split = "test",
    limit: options.Limit = None,
    retriever: options.Retriever = None,
    simulator: options.Simulator = None,
    settings: options.Settings = None,
    episodes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep the episodes there; an interrupted evaluation goes on from it.",
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="REPORT", help="Compare, in pairs, with a saved report."),
    ] = None,
    out: options.Out = None,
    as_json: options.AsJson = False,
    seed: options.Seed = 0,
    batch_size: options.BatchSize = 64,
    published: options.Published = False,
) -> None:
    """Evaluate one agent; `crsgym view` shows the episodes that --episodes keeps."""
    from crsgym.evaluation import Report
    from crsgym.evaluation import evaluate as run

    other = None if against is None else Report.load(against)
    report = run(
        agent,
        env,
        turns=turns,
        seed=seed,
        batch_size=batch_size,
        published=published,
        episodes=episodes,
        split=split,
        limit=limit,
        retriever=retriever,
        simulator=simulator,
        **parse_settings(settings or ()),
    )
    print_report(report, as_json=as_json)
    if other is not None:
        comparison = report.compare(other).select(turn=min(report.turns, other.turns))
        typer.echo(str(comparison), err=as_json)
    if out is not None:
        report.save(out)
        typer.echo(f"report: {out / 'report.html'}, .md, .json", err=True)


__all__ = ["app", "evaluate"]
