"""Honest evaluation: metrics over fixed sets, strata, intervals over dialogues, paired comparisons.

``evaluate`` plays one agent and ``bench`` several; both return a :class:`Report`.
"""

from crsgym.evaluation.bootstrap import Bootstrap, interval, p_value
from crsgym.evaluation.comparison import Comparison
from crsgym.evaluation.estimates import Difference
from crsgym.evaluation.evaluate import bench, evaluate
from crsgym.evaluation.leaks import find_leak
from crsgym.evaluation.metrics import (
    DEFAULT_METRICS,
    MRR,
    NDCG,
    Metric,
    Recall,
    parse_metric,
)
from crsgym.evaluation.published import Published, published_rows
from crsgym.evaluation.report import Report
from crsgym.evaluation.result import AgentResult, TurnFacts
from crsgym.evaluation.schema import SCHEMA, json_schema
from crsgym.evaluation.strata import STRATA, is_repeat, stratify

__all__ = [
    "DEFAULT_METRICS",
    "MRR",
    "NDCG",
    "SCHEMA",
    "STRATA",
    "AgentResult",
    "Bootstrap",
    "Comparison",
    "Difference",
    "Metric",
    "Published",
    "Recall",
    "Report",
    "TurnFacts",
    "bench",
    "evaluate",
    "find_leak",
    "interval",
    "is_repeat",
    "json_schema",
    "p_value",
    "parse_metric",
    "published_rows",
    "stratify",
]
