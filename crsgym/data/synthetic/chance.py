"""Draws that are the same on every platform and with every version of NumPy."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from crsgym.seeding import derive_seed

T = TypeVar("T")


class Chance:
    """A stream of draws named by ``parts``: independent of every other stream.

    Everything is made from the generator's uniform doubles, whose stream NumPy promises to keep;
    its distributions (``choice``, ``normal``) may change between versions.
    """

    def __init__(self, *parts: int | str) -> None:
        self._uniform = np.random.Generator(np.random.PCG64(derive_seed(*parts))).random

    def uniform(self) -> float:
        """A number in [0, 1)."""
        return self._uniform()

    def happens(self, probability: float) -> bool:
        """True with this probability."""
        return self._uniform() < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[int(self._uniform() * len(options))]

    def weighted(self, options: Sequence[T], weights: Sequence[float]) -> T:
        """One of the options, as likely as its weight."""
        return options[self.index(np.asarray(list(accumulate(weights))))]

    def index(self, cumulative: npt.NDArray[np.float64]) -> int:
        """A place drawn from cumulative weights, shape (n,)."""
        return min(bisect_right(cumulative, self._uniform() * cumulative[-1]), len(cumulative) - 1)

    def sample(self, options: Sequence[T], count: int) -> list[T]:
        """At most ``count`` different options, in random order."""
        left = list(options)
        return [left.pop(int(self._uniform() * len(left))) for _ in range(min(count, len(left)))]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """All options, in random order."""
        return self.sample(options, len(options))


__all__ = ["Chance"]
