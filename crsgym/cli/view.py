"""``crsgym view``: recorded episodes, as a person reads them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crsgym.errors import DataError

if TYPE_CHECKING:
    from crsgym.types import Episode


def view(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="Episodes, as evaluate --episodes keeps them, or the folder of bench --out.",
        ),
    ],
    scenario: Annotated[
        str | None, typer.Option(metavar="ID", help="Only the episode of this scenario.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many episodes of an agent.")] = 3,
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

    read = [read_episodes(file) for file in episode_files(path)]
    ids = {episode.scenario.id for _, episodes in read for episode in episodes}
    if scenario is not None and scenario not in ids:
        raise unknown("scenario", scenario, ids)
    summaries: list[str] = []
    fragments: list[str] = []
    for header, episodes in read:
        shown = [
            episode
            for episode in episodes
            if scenario in (None, episode.scenario.id) and found in (None, _was_found(episode))
        ][:limit]
        parts = (header.env, header.agent, "" if header.seed is None else f"seed {header.seed}")
        summaries.append(f"{', '.join(filter(None, parts))}: {len(shown)} of {len(episodes)}")
        if html is not None:
            fragments += map(render_html, shown)
            continue
        for episode in shown:
            print_transcript(episode)
        typer.echo(f"{summaries[-1]} episodes")
    if html is not None:
        from crsgym.evaluation.document import page, write_text

        write_text(html, page("; ".join(summaries), fragments))


def episode_files(path: Path) -> list[Path]:
    """A file of episodes, or those in a folder that ``crsgym bench --out`` wrote.

    Raises:
        DataError: when the folder holds none.
    """
    if not path.is_dir():
        return [path]
    files = sorted((path / "episodes").glob("*.jsonl")) or sorted(path.glob("*.jsonl"))
    if not files:
        raise DataError(f"{path} holds no episodes; expected episodes/*.jsonl, as bench --out has")
    return files


def _was_found(episode: Episode) -> bool:
    return any(step.target_rank is not None for step in episode.steps)


__all__ = ["episode_files", "view"]
