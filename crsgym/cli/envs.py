"""``crsgym envs``: the environments and what each is."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def envs(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the environment ids with what each is."""
    from rich.console import Console
    from rich.table import Table

    from crsgym.registry import entry_of
    from crsgym.registry import envs as known

    rows = [entry_of(id) for id in known()]
    if as_json:
        fields = ("id", "description", "retriever", "simulator")
        typer.echo(json.dumps([{name: getattr(row, name) for name in fields} for row in rows]))
        return
    table = Table("id", "what it is", "retriever", "simulator")
    for row in rows:
        table.add_row(row.id, row.description, row.retriever, row.simulator)
    Console().print(table)


__all__ = ["envs"]
