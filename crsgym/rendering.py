"""Transcripts: an episode as a person reads it, in a terminal or in a notebook.

Everything comes from the episode itself, whose ``titles`` name its items. Text that a user or a
model wrote is never interpreted: no markup in the terminal, everything escaped in HTML.
"""

from __future__ import annotations

import io
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from crsgym.types import Episode, Step

WIDTH = 100
"""Columns of a transcript that is returned as text."""


def render_text(episode: Episode) -> str:
    """The transcript as plain text of :data:`WIDTH` columns."""
    from rich.console import Console

    buffer = io.StringIO()
    _print(episode, Console(file=buffer, width=WIDTH, color_system=None, legacy_windows=False))
    return buffer.getvalue()


def print_transcript(episode: Episode) -> None:
    """Print the transcript on the terminal, in colour where it has any."""
    from rich.console import Console

    _print(episode, Console())


def render_html(episode: Episode) -> str:
    """The transcript as an HTML fragment, everything in it escaped."""
    from jinja2 import Environment, PackageLoader

    template = Environment(loader=PackageLoader("crsgym"), autoescape=True).get_template(
        "episode.html"
    )
    steps = [
        {
            "feedback": step.turn.feedback,
            "preference": step.turn.recommendation.preference,
            "items": [
                ("(not understood)", False)
                if item is None
                else (episode.title(item), item == episode.scenario.goal.target)
                for item in step.turn.recommendation.slots
            ],
            "candidates": [
                (episode.title(item), item == episode.scenario.goal.target)
                for item in step.turn.candidates
            ],
            "target": _target_line(step),
            "terms": _terms(step),
            "reward": f"{step.reward:.2f}",
            "issues": ", ".join(step.turn.recommendation.issues),
        }
        for step in episode.steps
    ]
    return template.render(
        heading=_heading(episode),
        dialogue=[(u.role.capitalize(), u.text) for u in episode.scenario.dialogue],
        target=episode.title(episode.scenario.goal.target),
        steps=steps,
        total=f"{episode.total_reward:.2f}",
    )


def _print(episode: Episode, console: Console) -> None:
    from rich.panel import Panel
    from rich.text import Text

    target = _plain(episode.title(episode.scenario.goal.target))
    lines = [f"{u.role.capitalize()}: {_plain(u.text)}" for u in episode.scenario.dialogue]
    console.print(Panel(Text("\n".join(lines)), title=Text(_heading(episode)), title_align="left"))
    for number, step in enumerate(episode.steps, start=1):
        if step.turn.feedback:
            console.print(Text.assemble(("Seeker: ", "bold"), _plain(step.turn.feedback)))
        console.print(_step_table(episode, step, number))
        summary = f"{_target_line(step)}; reward {step.reward:.2f} = {_terms(step)}"
        if step.turn.recommendation.issues:
            summary += f"; issues: {', '.join(step.turn.recommendation.issues)}"
        console.print(Text(summary))
    console.print(Text(f"{episode.status}; target: {target}; return {episode.total_reward:.2f}"))


def _step_table(episode: Episode, step: Step, number: int) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    def title(item: int | None) -> Text:
        if item is None:
            return Text("(not understood)", style="dim")
        found = item == episode.scenario.goal.target
        text = _plain(episode.title(item)) + (" *" if found else "")
        return Text(text, style="green" if found else "")

    table = Table(title=f"Turn {number}", title_justify="left", expand=False)
    table.add_column("#", justify="right")
    table.add_column("recommended")
    table.add_column("candidate")
    slots, candidates = step.turn.recommendation.slots, step.turn.candidates
    for place in range(max(len(slots), len(candidates))):
        table.add_row(
            str(place + 1),
            title(slots[place]) if place < len(slots) else "",
            title(candidates[place]) if place < len(candidates) else "",
        )
    return table


def _plain(text: str) -> str:
    """The text without the control characters that a terminal would obey."""
    return "".join(c if c in "\n\t" or unicodedata.category(c) != "Cc" else "\ufffd" for c in text)


def _heading(episode: Episode) -> str:
    parts = (episode.env, f"scenario {episode.scenario.id}", episode.agent)
    return ", ".join(part for part in parts if part)


def _target_line(step: Step) -> str:
    listed = "not listed" if step.target_rank is None else f"listed at {step.target_rank}"
    offered = "not offered" if step.candidate_rank is None else f"offered at {step.candidate_rank}"
    return f"target {listed}, {offered}"


def _terms(step: Step) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in step.reward_terms.items())


__all__ = ["WIDTH", "print_transcript", "render_html", "render_text"]
