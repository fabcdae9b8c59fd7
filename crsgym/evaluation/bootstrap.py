"""Intervals by the bootstrap over dialogues.

Scenarios that were cut from one dialogue share its words and its seeker, so they are not
independent: whole dialogues are drawn, with replacement, and each brings all its scenarios
(the cluster bootstrap: Davison and Hinkley, 1997, section 3.8; Field and Welsh, 2007). Every agent
is scored on the same draws, so the difference of two agents has its own, paired, interval.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from crsgym.checks import check_count

Values = npt.NDArray[np.float64]

LEVEL = 0.95
FEWEST = 100
"""Draws below which the ends of an interval would be chance."""
_ENTRIES_AT_ONCE = 4_000_000


class Bootstrap:
    """Draws of ``D`` dialogues out of ``D``, the same for whatever is averaged with them."""

    def __init__(self, dialogues: Sequence[str], *, replicates: int = 2000, seed: int = 0) -> None:
        """Draw.

        Args:
            dialogues: the dialogue of each of the ``n`` scenarios.
            replicates: how many draws, ``B``.
            seed: of the draws. Equal arguments give equal draws.

        Raises:
            ConfigurationError: when there are fewer than 100 replicates.
        """
        replicates = check_count("replicates", replicates, FEWEST)
        order = {name: index for index, name in enumerate(dict.fromkeys(dialogues))}
        self.replicates = replicates
        self.seed = seed
        self.num_dialogues = len(order)
        self._group = np.array([order[name] for name in dialogues], dtype=np.int64)
        self._counts = self._draw(np.random.default_rng(seed))

    def means(self, values: Values, mask: npt.NDArray[np.bool_]) -> Values:
        """The mean of each draw, over the scenarios of a stratum.

        Args:
            values: shape (n, M), one column per quantity.
            mask: shape (n,), which scenarios belong to the stratum.

        Returns:
            Shape (B, M); NaN where a draw holds no scenario of the stratum.
        """
        sums = np.zeros((self.num_dialogues, values.shape[1]))
        np.add.at(sums, self._group[mask], values[mask])
        sizes = np.bincount(self._group[mask], minlength=self.num_dialogues).astype(np.float64)
        totals = np.empty((self.replicates, values.shape[1]))
        weights = np.empty(self.replicates)
        block = max(1, _ENTRIES_AT_ONCE // max(1, self.num_dialogues))
        for start in range(0, self.replicates, block):
            counts = self._counts[start : start + block].astype(np.float64)
            totals[start : start + block] = counts @ sums
            weights[start : start + block] = counts @ sizes
        with np.errstate(invalid="ignore", divide="ignore"):
            means: Values = totals / weights[:, None]
        return means

    def num_dialogues_in(self, mask: npt.NDArray[np.bool_]) -> int:
        """How many dialogues have a scenario in a stratum."""
        return len(np.unique(self._group[mask]))

    def _draw(self, rng: np.random.Generator) -> npt.NDArray[np.uint16]:
        """How often each draw holds each dialogue, shape (B, D)."""
        size = self.num_dialogues
        counts = np.zeros((self.replicates, size), dtype=np.uint16)
        for row in counts:
            row[:] = np.bincount(rng.integers(size, size=size), minlength=size)
        return counts


def interval(means: Values) -> Values:
    """The central 95% of bootstrap means: the percentile interval.

    Args:
        means: shape (B, ...); a NaN is a draw that says nothing, and is left out.

    Returns:
        Shape (2, ...): low, high. NaN where fewer than half of the draws say anything.
    """
    tails = [100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2]
    told = np.isfinite(means)
    if told.all():
        return np.asarray(np.percentile(means, tails, axis=0))
    bounds = np.full((2, *means.shape[1:]), np.nan)
    enough = told.mean(axis=0) >= 0.5
    bounds[:, enough] = np.nanpercentile(means[:, enough], tails, axis=0)
    return bounds


def p_value(differences: Values) -> Values:
    """Two-sided p-values of paired differences: how far out of their draws zero lies.

    Twice the smaller tail beyond zero, with the observed data counted as one more draw, so it is
    never 0; it is below .05 where the percentile interval excludes 0, up to one draw (Efron
    and Tibshirani, 1993, chapter 15; Davison and Hinkley, 1997, section 4.2).

    Args:
        differences: bootstrap means of the difference, shape (B, ...); NaN is left out.

    Returns:
        Shape (...), in (0, 1]; NaN where no draw says anything.
    """
    told = np.isfinite(differences).sum(axis=0)
    below = (differences <= 0).sum(axis=0)
    above = (differences >= 0).sum(axis=0)
    p = np.minimum(1.0, 2.0 * (np.minimum(below, above) + 1) / (told + 1))
    return np.where(told > 0, p, np.nan)


__all__ = ["FEWEST", "LEVEL", "Bootstrap", "interval", "p_value"]
