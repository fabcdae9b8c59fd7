"""``crsgym view``: recorded episodes, as a person reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def view(
    file: Annotated[Path, typer.Argument(help="Episodes, as evaluate --episodes keeps them.")],
    scenario: Annotated[
        str | None, typer.Option(metavar="ID", help="Only the episode of this scenario.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many episodes.")] = 3,
    found: Annotated[
        bool | None,
        typer.Option("--found/--missed", help="Only where the target was listed, or never was."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write an HTML page instead.")
    ] = None,
) -> None:
    """Show recorded episodes: dialogue, lists, candidates, rewards, and where the target stood."""
    from crsgym.episodes import read_episodes
    from crsgym.plugins import unknown
    from crsgym.rendering import print_transcript, render_html

    header, episodes = read_episodes(file)
    chosen = episodes
    if scenario is not None:
        chosen = [episode for episode in episodes if episode.scenario.id == scenario]
        if not chosen:
            raise unknown("scenario", scenario, [episode.scenario.id for episode in episodes])
    if found is not None:
        chosen = [
            episode
            for episode in chosen
            if found == any(step.target_rank is not None for step in episode.steps)
        ]
    shown = chosen[:limit]
    parts = (header.env, header.agent, "" if header.seed is None else f"seed {header.seed}")
    summary = f"{', '.join(filter(None, parts))}: {len(shown)} of {len(episodes)}"
    if html is not None:
        from crsgym.evaluation.document import page, write_text

        write_text(html, page(summary, [render_html(episode) for episode in shown]))
        return
    for episode in shown:
        print_transcript(episode)
    typer.echo(f"{summary} episodes")


__all__ = ["view"]
