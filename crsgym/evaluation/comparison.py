"""Paired differences between agents, as a value that prints."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from crsgym.errors import ConfigurationError
from crsgym.evaluation.estimates import Difference
from crsgym.evaluation.table import Table, as_text, number, with_interval
from crsgym.plugins import unknown

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

NOTE = (
    "Differences are paired: both agents on the same scenarios and the same bootstrap draws of "
    "dialogues. p-values are two-sided and not corrected for how many there are."
)
_FIELDS = ("agent", "baseline", "turn", "stratum", "metric")


@dataclass(frozen=True)
class Comparison:
    """Rows of differences, mean of ``agent`` minus mean of ``baseline``."""

    rows: tuple[Difference, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Difference]:
        return iter(self.rows)

    def select(
        self,
        *,
        agent: str | None = None,
        baseline: str | None = None,
        turn: int | None = None,
        stratum: str | None = None,
        metric: str | None = None,
    ) -> Comparison:
        """The rows that have all the given values.

        Raises:
            ConfigurationError: when no row has one of them.
        """
        rows = self.rows
        for field, value in zip(_FIELDS, (agent, baseline, turn, stratum, metric), strict=True):
            if value is None:
                continue
            known = {str(getattr(row, field)) for row in self.rows}
            if str(value) not in known:
                raise unknown(field, str(value), known)
            rows = tuple(row for row in rows if getattr(row, field) == value)
        return Comparison(rows)

    def only(self, **values: Any) -> Difference:
        """The one row with the given values, as :meth:`select` takes them.

        Raises:
            ConfigurationError: when there is not exactly one.
        """
        found = self.select(**values)
        if len(found) != 1:
            raise ConfigurationError(
                f"expected one row with {values}; got {len(found)}: name agent, baseline, turn, "
                "stratum and metric"
            )
        return found.rows[0]

    def table(self, title: str = "Paired differences") -> Table:
        """The rows as a table, without those of rewards and candidates."""
        return Table(
            title,
            ("agent", "minus", "turn", "stratum", "metric", "difference", "p"),
            tuple(
                (
                    row.agent,
                    row.baseline,
                    str(row.turn)
                    if row.turn == row.baseline_turn
                    else f"{row.turn} - {row.baseline_turn}",
                    row.stratum,
                    row.metric,
                    with_interval(row.difference, row.low, row.high),
                    number(row.p_value),
                )
                for row in self.rows
            ),
            labels=5,
        )

    def to_list(self) -> list[dict[str, Any]]:
        """JSON-able: one entry for each pair, turn and stratum, its numbers by metric."""

        def place(row: Difference) -> tuple[str, str, int, int, str]:
            return row.agent, row.baseline, row.turn, row.baseline_turn, row.stratum

        entries = []
        for key, group in itertools.groupby(self.rows, place):
            rows = list(group)
            names = ("agent", "baseline", "turn", "baseline_turn", "stratum")
            told = [row for row in rows if not math.isnan(row.low)]
            entries.append(
                {
                    **dict(zip(names, key, strict=True)),
                    "difference": {row.metric: round(row.difference, 6) for row in rows},
                    "ci95": {row.metric: [round(row.low, 6), round(row.high, 6)] for row in told},
                    "p_value": {row.metric: round(row.p_value, 6) for row in told},
                }
            )
        return entries

    def to_frame(self) -> Any:
        """A ``pandas.DataFrame``, one row for each difference.

        Raises:
            ImportError: where pandas is not installed.
        """
        import pandas as pd

        return pd.DataFrame([asdict(row) for row in self.rows])

    def __str__(self) -> str:
        """The table as plain text."""
        return as_text([self.table().to_rich(), NOTE])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, for ``rich``."""
        yield self.table().to_rich()
        yield NOTE

    def _repr_html_(self) -> str:
        """The table, as a notebook shows it."""
        from crsgym.evaluation.document import table_fragment

        return table_fragment([self.table()], [NOTE])


__all__ = ["NOTE", "Comparison"]
