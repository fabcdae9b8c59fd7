"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from crsgym.errors import ConfigurationError
from crsgym.plugins import unknown

if TYPE_CHECKING:
    from crsgym.evaluation import Report

Env = Annotated[
    str,
    typer.Argument(
        metavar="ENV",
        help="Environment id, as `crsgym envs` lists them, or module:Id for one of your own.",
    ),
]
Turns = Annotated[int, typer.Option(help="Turns of every episode.")]
Split = Annotated[str, typer.Option(help="Split that is played.")]
Limit = Annotated[int | None, typer.Option(help="Play only the first so many scenarios.")]
Retriever = Annotated[
    str | None, typer.Option(help="Retriever: a name, module:Class or a saved one's folder.")
]
Simulator = Annotated[str | None, typer.Option(help="Simulated user: a name or module:Class.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any other setting: num_candidates, list_length, fuzzy, encoder, metrics, replicates, "
        "retriever.OPTION, simulator.OPTION, reward.TERM. Several may follow.",
    ),
]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Write the report there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]
Seed = Annotated[int, typer.Option(help="Seed of the episodes.")]
BatchSize = Annotated[int, typer.Option(help="Conversations that are played side by side.")]
Published = Annotated[bool, typer.Option("--published", help="Show quoted results beside.")]

_PLAIN = ("num_candidates", "list_length", "fuzzy", "encoder", "metrics", "replicates")
_DOTTED = {
    "retriever": "retriever_options",
    "simulator": "simulator_options",
    "reward": "reward_weights",
}


class ListCommand(TyperCommand):
    """A command whose list options take several values after one flag: ``--agents A B C``."""

    lists: tuple[str, ...] = ("--agents", "--set")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the flag before each value, which is the form that typer reads."""
        return super().parse_args(ctx, spread(args, self.lists))


def spread(args: Iterable[str], flags: Sequence[str]) -> list[str]:
    """``--agents A B`` as ``--agents A --agents B``; every other argument as it is."""
    spelled: list[str] = []
    flag, values = "", 0
    for arg in args:
        if arg.startswith("-"):
            flag, values = (arg if arg in flags else ""), 0
            spelled.append(arg)
        elif flag:
            spelled += [flag, arg] if values else [arg]
            values += 1
        else:
            spelled.append(arg)
    return spelled


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """``KEY=VALUE`` settings as keywords of :func:`crsgym.evaluate`.

    A value is read as JSON where it is JSON (``20``, ``true``, ``[1, 2]``), and as text else.

    Raises:
        ConfigurationError: for a setting without a value, or a key that is not known.
    """
    keywords: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key:
            raise ConfigurationError(f"--set takes KEY=VALUE (num_candidates=50); got {setting!r}")
        group, dot, name = key.partition(".")
        if dot and group in _DOTTED and name:
            keywords.setdefault(_DOTTED[group], {})[name] = _value(text)
        elif key == "metrics":
            keywords[key] = tuple(part.strip() for part in text.split(",") if part.strip())
        elif key in _PLAIN:
            keywords[key] = _value(text)
        else:
            known = [*_PLAIN, *(f"{group}.OPTION" for group in _DOTTED)]
            raise unknown("setting", key, known)
    return keywords


def print_report(report: Report, *, as_json: bool) -> None:
    """Print a report on standard output: as JSON, or as tables."""
    if as_json:
        typer.echo(report.to_json(), nl=False)
        return
    from rich.console import Console

    from crsgym.evaluation.table import WIDTH

    Console(width=None if sys.stdout.isatty() else WIDTH).print(report)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


__all__ = ["ListCommand", "parse_settings", "print_report", "spread"]
