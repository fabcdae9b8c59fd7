"""``crsgym bench``: agents side by side on one environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from crsgym.cli import options
from crsgym.cli.options import ListCommand, parse_settings, print_report

app = typer.Typer(add_completion=False)


@app.command(cls=ListCommand)
def bench(
    env: options.Env,
    agents: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME...",
            help="Agents, several after one flag: random, popularity, copy, retriever, oracle, or "
            "module:Class. All five when not given.",
        ),
    ] = None,
    turns: options.Turns = 5,
    split: options.Split = "test",
    limit: options.Limit = None,
    retriever: options.Retriever = None,
    simulator: options.Simulator = None,
    settings: options.Settings = None,
    out: options.Out = None,
    as_json: options.AsJson = False,
    seed: options.Seed = 0,
    batch_size: options.BatchSize = 64,
    published: options.Published = False,
) -> None:
    """Compare agents on one environment: every turn, every stratum, with intervals.

    With --out, an interrupted run goes on where it stopped when the command is given again.
    """
    from crsgym.baselines import BASELINES
    from crsgym.evaluation import bench as run

    names = list(dict.fromkeys(agents or BASELINES))
    parts = {} if out is None else {name: part_path(out, name) for name in names}
    report = run(
        names,
        env,
        turns=turns,
        seed=seed,
        batch_size=batch_size,
        published=published,
        episodes=parts,
        split=split,
        limit=limit,
        retriever=retriever,
        simulator=simulator,
        **parse_settings(settings or ()),
    )
    print_report(report, as_json=as_json)
    if out is not None:
        report.save(out)
        for part in parts.values():
            part.replace(part.with_suffix(""))
        typer.echo(f"report: {out / 'report.html'}, .md, .json", err=True)


def part_path(out: Path, agent: str) -> Path:
    """Where an agent's episodes are kept until the report is written."""
    return out / "episodes" / f"{quote(agent, safe='')}.jsonl.part"


__all__ = ["app", "bench", "part_path"]
