"""The parts of a test set that mean different things.

On dialogue data many targets were named earlier in the same dialogue. Copying the dialogue finds
those, so a number over all scenarios says little of recommendation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from crsgym.types import IntArray, Scenario

Mask = npt.NDArray[np.bool_]

STRATA: Mapping[str, str] = {
    "all": "every scenario",
    "new": "the target was not mentioned before",
    "repeat": "the target was mentioned before",
    "cold": "the target is never the target of a training scenario",
}
"""The strata in the order of a report, and what each holds. ``new`` and ``repeat`` part ``all``."""


def stratify(scenarios: Sequence[Scenario], target_counts: IntArray | None) -> dict[str, Mask]:
    """Which scenarios belong to which stratum.

    Args:
        scenarios: ``n`` of them.
        target_counts: how often each item is a training target, shape (n_items,); None where that
            is not known, which leaves ``cold`` out.

    Returns:
        A boolean mask of shape (n,) for each of ``STRATA``.
    """
    repeat = np.array([is_repeat(scenario) for scenario in scenarios], dtype=bool)
    targets = np.array([scenario.goal.target for scenario in scenarios], dtype=np.int64)
    masks = {"all": np.ones(len(scenarios), dtype=bool), "new": ~repeat, "repeat": repeat}
    if target_counts is not None:
        masks["cold"] = np.asarray(target_counts)[targets] == 0
    return masks


def is_repeat(scenario: Scenario) -> bool:
    """Whether the target was mentioned earlier in the same dialogue."""
    return any(scenario.goal.target in utterance.items for utterance in scenario.dialogue)


__all__ = ["STRATA", "Mask", "is_repeat", "stratify"]
