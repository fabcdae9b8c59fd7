"""``crsgym data``: list, download, verify and count the data sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from crsgym.data.dataset import Dataset
    from crsgym.data.download import SourceFile

app = typer.Typer(
    help="List, download, verify and count the data sets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A data set, the environment of one, or a folder of JSON Lines of your own.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the data sets, and how much of each is on this machine."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from crsgym import data
    from crsgym.data.download import locate

    rows = []
    for name in data.DATASETS.names():
        files = data.source_files(name)
        here = [file for file in files if locate(file) is not None]
        about = data.facts_of(name)
        rows.append(
            {
                "name": name,
                "files": len(files),
                "files_here": len(here),
                "description": about.get("description", ""),
                "licence": about.get("licence", ""),
                "homepage": about.get("homepage", ""),
            }
        )
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table("name", "files here", "what it is", "licence", box=box.SIMPLE)
    for row in rows:
        state = f"{row['files_here']} of {row['files']}" if row["files"] else "needs none"
        table.add_row(str(row["name"]), state, str(row["description"]), str(row["licence"]))
    Console().print(table)


@app.command()
def download(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Data sets to fetch.")],
) -> None:
    """Fetch the files of data sets that are not on this machine, and check those that are."""
    from crsgym.data.download import ensure

    for name, files in [(name, _files(name)) for name in names]:
        if not files:
            typer.echo(_needs_none(name))
        for file in files:
            place, fetched = ensure(file)
            typer.echo(f"{'downloaded' if fetched else 'here already'}: {place}")


@app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Data sets; all by default.")
    ] = None,
    complete: Annotated[
        bool, typer.Option("--complete", help="Fail also when a file is not here.")
    ] = False,
) -> None:
    """Check size and checksum of every file that is here; fetch nothing."""
    from crsgym import data
    from crsgym.data.download import locate, problem
    from crsgym.errors import DataError

    bad = missing = 0
    for name in names or data.DATASETS.names():
        if _is_folder(name):
            typer.echo(f"ok: {_dataset(name)!r}")
            continue
        files = _files(name)
        if names and not files:
            typer.echo(_needs_none(name))
        for file in files:
            path = locate(file)
            if path is None:
                missing += 1
                typer.echo(f"not here: {file.relative}")
                continue
            wrong = problem(file, path.read_bytes())
            bad += wrong is not None
            typer.echo(f"ok: {path}" if wrong is None else f"wrong: {path} {wrong}")
    if bad:
        raise DataError(f"{bad} damaged; delete or replace what is marked 'wrong'")
    if missing and complete:
        raise DataError(f"{missing} not here; run: crsgym data download NAME")


@app.command()
def stats(name: Name, as_json: AsJson = False) -> None:
    """Count items, dialogues and instances."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from crsgym.data.stats import count

    counts = count(_dataset(name))
    if as_json:
        typer.echo(json.dumps(counts))
        return
    console = Console()
    console.print(
        f"[bold]{counts['name']}[/bold]: {counts['items']:,} items, of which "
        f"{counts['items_with_genre_director_or_cast']:,} have a genre, director or cast; "
        f"{counts['attributes']:,} attributes, {counts['edges']:,} edges"
    )
    columns = ("dialogues", "utterances", "instances", "new", "repeat", "cold")
    table = Table("split", *columns, box=box.SIMPLE)
    for column in table.columns[1:]:
        column.justify = "right"
    for split, found in counts["splits"].items():
        cells = ("unknown" if found[column] is None else f"{found[column]:,}" for column in columns)
        table.add_row(split, *cells)
    console.print(table)
    for split, reason in counts["unavailable"].items():
        typer.echo(f"{split}: {reason}", err=True)


@app.command()
def path(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A data set.")] = None,
) -> None:
    """Print the folder that a data set is read from; without a name, where downloads go."""
    from crsgym.data.download import cache_root, locate

    if name is None:
        typer.echo(cache_root())
        return
    if _is_folder(name):
        typer.echo(Path(name).resolve())
        return
    files = _files(name)
    if not files:
        typer.echo(_needs_none(name), err=True)
        return
    found = [place.parent for file in files if (place := locate(file)) is not None]
    typer.echo(found[0] if found else cache_root() / files[0].dataset)


def _is_folder(name: str) -> bool:
    from crsgym import data

    return name.lower() not in data.DATASETS.names() and Path(name).is_dir()


def _dataset(name: str) -> Dataset:
    from crsgym import data
    from crsgym.data.jsonl import load_jsonl

    if _is_folder(name):
        return load_jsonl(name)
    named = _of_environment(name)
    return data.load(named) if isinstance(named, str) else named


def _files(name: str) -> tuple[SourceFile, ...]:
    """The published files of a data set; none when it is generated, or one's own."""
    from crsgym import data

    named = _of_environment(name)
    return data.source_files(named) if isinstance(named, str) else ()


def _of_environment(name: str) -> str | Dataset:
    """What an environment's id is played on; any other name as it is."""
    from crsgym.registry import NAMESPACE, entry_of, envs

    known = ":" in name or name.removeprefix(f"{NAMESPACE}/") in envs()
    return entry_of(name).dataset if known else name


def _needs_none(name: str) -> str:
    return f"{name}: needs none"


__all__ = ["app"]
