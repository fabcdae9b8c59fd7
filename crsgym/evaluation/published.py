"""Published results, as their papers print them. They are quoted, not run.

They are Table 1 of SMTPO (2026), which collects the others; every entry is the number of one run
without an interval. They carry the metrics of :data:`METRICS` over all scenarios of the test split.
Of SMTPO's own row, the paper's table of turns shows for INSPIRED that it is the fifth turn; for
ReDial the paper does not say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

METRICS = ("recall@1", "recall@10", "ndcg@10", "mrr@10")
SOURCE = "Table 1 of SMTPO (2026); quoted, not run here"


@dataclass(frozen=True)
class Published:
    """One quoted row."""

    name: str
    values: Mapping[str, float]
    """By metric key, in the order of :data:`METRICS`."""
    turn: int | None = None
    """Which turn it is of, where the paper says."""

    @property
    def label(self) -> str:
        """The name, marked as quoted, with the turn."""
        return f'"{self.name}"' if self.turn is None else f'"{self.name}", turn {self.turn}'


def _rows(
    table: Mapping[str, tuple[float, float, float, float]], turns: Mapping[str, int] | None = None
) -> tuple[Published, ...]:
    return tuple(
        Published(name, dict(zip(METRICS, values, strict=True)), (turns or {}).get(name))
        for name, values in table.items()
    )


_TABLES: Mapping[str, tuple[Published, ...]] = {
    "INSPIRED-v0": _rows(
        {
            "Popularity": (0.031, 0.155, 0.085, 0.064),
            "BERT": (0.049, 0.189, 0.112, 0.088),
            "Llama-3.1-8B-Instruct": (0.043, 0.162, 0.097, 0.077),
            "GPT-3.5": (0.053, 0.177, 0.109, 0.088),
            "GPT-4o": (0.079, 0.196, 0.121, 0.098),
            "ReDial": (0.009, 0.048, 0.023, 0.015),
            "KBRD": (0.042, 0.135, 0.088, 0.073),
            "KGSF": (0.051, 0.132, 0.092, 0.079),
            "TREA": (0.047, 0.146, 0.095, 0.076),
            "VRICR": (0.043, 0.141, 0.091, 0.075),
            "UniCRS": (0.085, 0.230, 0.149, 0.125),
            "DCRS": (0.093, 0.226, 0.153, 0.130),
            "MSCRS": (0.096, 0.257, 0.168, 0.140),
            "SMTPO": (0.099, 0.273, 0.174, 0.142),
        },
        turns={"SMTPO": 5},
    ),
    "ReDial-v0": _rows(
        {
            "Popularity": (0.011, 0.053, 0.029, 0.021),
            "BERT": (0.027, 0.142, 0.075, 0.055),
            "Llama-3.1-8B-Instruct": (0.037, 0.136, 0.067, 0.046),
            "GPT-3.5": (0.043, 0.165, 0.091, 0.069),
            "GPT-4o": (0.047, 0.189, 0.106, 0.077),
            "ReDial": (0.010, 0.065, 0.034, 0.024),
            "KBRD": (0.033, 0.150, 0.083, 0.062),
            "KGSF": (0.035, 0.175, 0.094, 0.070),
            "TREA": (0.045, 0.204, 0.114, 0.087),
            "VRICR": (0.054, 0.244, 0.138, 0.106),
            "UniCRS": (0.065, 0.241, 0.143, 0.113),
            "DCRS": (0.076, 0.253, 0.154, 0.123),
            "MSCRS": (0.081, 0.264, 0.161, 0.128),
            "SMTPO": (0.092, 0.270, 0.165, 0.130),
        }
    ),
}


def published_rows(env_id: str) -> tuple[Published, ...]:
    """The quoted rows for an environment; empty where no table is known."""
    return _TABLES.get(env_id, ())


__all__ = ["METRICS", "SOURCE", "Published", "published_rows"]
