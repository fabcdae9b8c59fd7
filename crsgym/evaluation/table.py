"""A table of texts, and the forms in which it is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Group

WIDTH = 120
"""Columns of tables that are returned as text."""


@dataclass(frozen=True)
class Table:
    """Texts in rows and columns, with a title. The first ``labels`` columns are names."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    labels: int = 1

    def to_rich(self) -> Group:
        """For a terminal. No text is read as markup."""
        from rich import box
        from rich.console import Group
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
        for at, column in enumerate(self.columns):
            table.add_column(Text(column), justify="left" if at < self.labels else "right")
        for row in self.rows:
            table.add_row(*map(Text, row))
        # A title of the table itself would be broken to the table's width.
        return Group(Text(self.title, style="bold"), table)

    def to_markdown(self) -> str:
        """As GitHub-flavoured Markdown, below its title."""
        align = ["---" if at < self.labels else "---:" for at in range(len(self.columns))]
        lines = [self.columns, align, *self.rows]
        body = "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)
        return f"**{self.title}**\n\n{body}\n"


def number(value: float | None) -> str:
    """Three decimals, as tables of this field print them: ``.262``; a dash for no value."""
    if value is None or math.isnan(value):
        return "-"
    text = f"{round(value, 3) + 0.0:.3f}"  # adding zero makes -0.0 positive
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def with_interval(value: float, low: float, high: float) -> str:
    """``.262 [.204,.325]``; without an interval where there is none."""
    if math.isnan(low) or math.isnan(value):
        return number(value)
    return f"{number(value)} [{number(low)},{number(high)}]"


def as_text(renderables: Sequence[object]) -> str:
    """What ``rich`` shows, as plain text of :data:`WIDTH` columns."""
    import io

    from rich.console import Console

    buffer = io.StringIO()
    console = Console(file=buffer, width=WIDTH, color_system=None, legacy_windows=False)
    for renderable in renderables:
        console.print(renderable, markup=False, highlight=False)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()).strip("\n")


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


__all__ = ["WIDTH", "Table", "as_text", "number", "with_interval"]
