"""Ranking metrics for one relevant item: functions of its rank alone.

A rank counts from 1; 0 says that the target is not in the list. Each metric gives one value per
rank, so that whoever averages also knows the spread.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from crsgym.checks import as_integer
from crsgym.errors import ConfigurationError
from crsgym.plugins import unknown

Values = npt.NDArray[np.float64]


class Metric(Protocol):
    """A function of the target's rank."""

    @property
    def k(self) -> int:
        """How many entries of the list count."""
        ...

    @property
    def key(self) -> str:
        """The name in a report's JSON, ``"ndcg@10"``."""
        ...

    @property
    def label(self) -> str:
        """The name in a printed table, ``"NDCG@10"``."""
        ...

    def __call__(self, ranks: npt.ArrayLike) -> Values:
        """The value at each rank: float64, of the shape of ``ranks``."""
        ...


@dataclass(frozen=True)
class _AtCutoff:
    """What the metrics share: a cutoff, and names made of it."""

    k: int
    """How many entries of the list count."""
    name: ClassVar[str]

    def __post_init__(self) -> None:
        """Refuse a cutoff that is no positive integer."""
        k = as_integer(self.k)
        if k is None or k < 1:
            raise ConfigurationError(
                f"{self.name}@k needs a positive integer k, as in {self.name}@10; got {self.k!r}"
            )
        object.__setattr__(self, "k", k)

    @property
    def key(self) -> str:
        """The name in a report's JSON, ``"ndcg@10"``."""
        return f"{self.name.lower()}@{self.k}"

    @property
    def label(self) -> str:
        """The name in a printed table, ``"NDCG@10"``."""
        return f"{self.name}@{self.k}"


class Recall(_AtCutoff):
    """Recall@k: 1 when the target is among the first ``k``, else 0.

    With one relevant item it is the hit rate.
    """

    name = "Recall"

    def __call__(self, ranks: npt.ArrayLike) -> Values:
        """``[rank <= k]``."""
        return _within(ranks, self.k).astype(np.float64)


class NDCG(_AtCutoff):
    """NDCG@k: ``1 / log2(rank + 1)`` within the first ``k``, else 0.

    Järvelin and Kekäläinen (2002), "Cumulated gain-based evaluation of IR techniques", TOIS 20(4).
    With one relevant item of gain 1 the ideal list has a gain of 1, so nothing is divided by it.
    """

    name = "NDCG"

    def __call__(self, ranks: npt.ArrayLike) -> Values:
        """``[rank <= k] / log2(rank + 1)``."""
        return _discounted(ranks, self.k, lambda rank: 1.0 / np.log2(rank + 1.0))


class MRR(_AtCutoff):
    """MRR@k: ``1 / rank`` within the first ``k``, else 0.

    Voorhees (1999), "The TREC-8 question answering track report".
    """

    name = "MRR"

    def __call__(self, ranks: npt.ArrayLike) -> Values:
        """``[rank <= k] / rank``."""
        return _discounted(ranks, self.k, lambda rank: 1.0 / rank)


DEFAULT_METRICS: tuple[Metric, ...] = (Recall(1), Recall(10), NDCG(10), MRR(10))
"""The four columns of the published tables."""

_KINDS = {kind.name.lower(): kind for kind in (Recall, NDCG, MRR)}


def parse_metric(key: str) -> Metric:
    """The metric that a key such as ``"recall@10"`` names, in any case.

    Raises:
        ConfigurationError: when there is none of that name, or no cutoff.
    """
    match = re.fullmatch(r"\s*([A-Za-z]+)@(\d+)\s*", key)
    if match is None:
        raise ConfigurationError(f"expected a metric such as 'recall@10'; got {key!r}")
    name, k = match.group(1).lower(), int(match.group(2))
    if name not in _KINDS:
        raise unknown("metric", name, _KINDS)
    return _KINDS[name](k)


def parse_metrics(keys: Iterable[str] | None, *, list_length: int) -> tuple[Metric, ...]:
    """Several metrics, each of which a list of ``list_length`` entries can tell.

    Args:
        keys: of the metrics; None means those of the published tables, cut to the list.
        list_length: entries of an answer that count.

    Raises:
        ConfigurationError: for none, for a repeated one, or for a cutoff beyond the list.
    """
    if keys is None:
        k = min(10, list_length)
        return (Recall(1), Recall(k), NDCG(k), MRR(k)) if k > 1 else (Recall(1),)
    if isinstance(keys, str):
        raise ConfigurationError(f"metrics must be a sequence of names; got the text {keys!r}")
    keys = tuple(keys)
    metrics = tuple(parse_metric(key) for key in keys)
    if not metrics:
        raise ConfigurationError("metrics must name at least one, as ('recall@10',)")
    if len({metric.key for metric in metrics}) < len(metrics):
        raise ConfigurationError(f"a metric is named twice in {keys}")
    for metric in metrics:
        if metric.k > list_length:
            raise ConfigurationError(
                f"{metric.key} cannot be told from lists of {list_length}; set list_length to "
                f"{metric.k} or more"
            )
    return metrics


def _within(ranks: npt.ArrayLike, k: int) -> npt.NDArray[np.bool_]:
    checked = _checked(ranks)
    within: npt.NDArray[np.bool_] = (checked >= 1) & (checked <= k)
    return within


def _discounted(ranks: npt.ArrayLike, k: int, gain: Any) -> Values:
    within = _within(ranks, k)
    values = np.zeros(within.shape, dtype=np.float64)
    values[within] = gain(_checked(ranks)[within].astype(np.float64))
    return values


def _checked(ranks: npt.ArrayLike) -> npt.NDArray[np.int64]:
    array = np.asarray(ranks)
    if not np.issubdtype(array.dtype, np.integer) and array.size:
        raise TypeError(f"ranks must be integers; got {array.dtype}")
    if array.size and array.min() < 0:
        raise ValueError(f"ranks count from 1, and 0 is 'not listed'; got {array.min()}")
    return array.astype(np.int64)


__all__ = [
    "DEFAULT_METRICS",
    "MRR",
    "NDCG",
    "Metric",
    "Recall",
    "Values",
    "parse_metric",
    "parse_metrics",
]
