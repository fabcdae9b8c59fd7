"""``crsgym train retriever``: fit a retriever and save it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from crsgym.cli import options
from crsgym.errors import ConfigurationError


def retriever(
    env: Annotated[
        str, typer.Option(metavar="ENV", help="Environment whose data set it is trained on.")
    ],
    kind: Annotated[str, typer.Option(metavar="NAME", help="dual-view or hybrid.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Save the retriever there.")],
    encoder: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Text encoder: tfidf, minilm, BAAI/bge-base-en-v1.5 ..."),
    ] = None,
    users: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME...",
            help="Simulated users to train with; the environment's own when not given.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any other option of the retriever; dots go into nested ones: "
            "settings.train.epochs=20. Several may follow.",
        ),
    ] = None,
    seed: options.Seed = 0,
) -> None:
    """Fit a retriever on the train split and save it; a killed run goes on where it was.

    What was measured is printed as JSON.
    """
    from crsgym import simulators
    from crsgym.options import read_options
    from crsgym.registry import entry_of
    from crsgym.retrieval import RETRIEVERS
    from crsgym.retrieval.artifact import save_artifact
    from crsgym.retrieval.store import storable

    fitted = RETRIEVERS.load(kind)
    if not storable(fitted):
        names = [name for name in RETRIEVERS.names() if storable(RETRIEVERS.load(name))]
        raise ConfigurationError(f"{kind} learns nothing to save; these do: {', '.join(names)}")
    keywords = nested(settings or ()) | {"seed": seed}
    if encoder is not None:
        keywords["encoder"] = encoder
    keywords = read_options(f"retriever {kind!r}", fitted.fit, keywords)
    entry = entry_of(env)
    dataset = entry.load()
    checkpoint = out / "checkpoint"
    made = fitted.fit(
        dataset,
        simulators=[simulators.build(name, dataset) for name in users or [entry.simulator]],
        checkpoint=checkpoint,
        progress=lambda line: typer.echo(line, err=True),
        **keywords,
    )
    artifact = made.artifact()
    save_artifact(out, artifact, dataset)
    shutil.rmtree(checkpoint, ignore_errors=True)
    typer.echo(json.dumps({"path": str(out), "metrics": artifact.metrics}))
    folder = out if "/" in str(out) else f"./{out}"
    typer.echo(f"use it: crsgym bench {env} --retriever {folder}", err=True)


def nested(settings: Iterable[str]) -> dict[str, Any]:
    """``A.B=VALUE`` settings as nested mappings; a value is read as JSON where it is JSON.

    Raises:
        ConfigurationError: for a setting without a value, or one inside a setting that has one.
    """
    found: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not all(key.split(".")):
            raise ConfigurationError(f"--set takes KEY=VALUE (demote=shown); got {setting!r}")
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        place = found
        *groups, name = key.split(".")
        for group in groups:
            place = place.setdefault(group, {})
            if not isinstance(place, dict):
                raise ConfigurationError(f"--set {setting}: {group} has a value already")
        place[name] = value
    return found


__all__ = ["nested", "retriever"]
