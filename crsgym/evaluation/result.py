"""What one agent achieved on a fixed set of scenarios."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from crsgym.errors import DataError
from crsgym.evaluation.leaks import find_leak
from crsgym.types import Episode, IntArray, Step


@dataclass(frozen=True)
class TurnFacts:
    """What is said of one turn beside the ranking, averaged over every scenario."""

    reward_terms: Mapping[str, float]
    """Mean of each reward term before weighting."""
    answer_issues: Mapping[str, float]
    """Share of the answers with each issue; an issue that no answer has is left out."""
    title_leak_rate: float | None
    """Share of the user's replies that name the target; None where the user says nothing."""
    one_word_leak_rate: float | None
    """Share of the replies that hold the word of a one-word title, which may be chance."""


@dataclass(frozen=True, eq=False)
class AgentResult:
    """One agent on ``n`` scenarios over ``T`` turns."""

    name: str
    ranks: str
    """What it orders: ``"candidates"`` or ``"catalogue"``."""
    privileged: bool
    """Whether it is told the target: a ceiling, not a method."""
    spec: Mapping[str, Any]
    """What the agent says of itself."""
    target_rank: IntArray
    """Rank of the target in each list, from 1; 0 where it is not listed. Shape (n, T)."""
    candidate_rank: IntArray
    """Rank of the target among the candidates it was offered, likewise. Shape (n, T)."""
    reward: npt.NDArray[np.float64]
    """Weighted reward of each answer, shape (n, T)."""
    facts: tuple[TurnFacts, ...]
    """One for each turn."""

    def __post_init__(self) -> None:
        """Refuse parts that are not of one shape.

        Raises:
            ValueError: naming the agent and the shapes.
        """
        shapes = {part.shape for part in (self.target_rank, self.candidate_rank, self.reward)}
        if len(shapes) > 1 or {len(self.facts)} != {shape[-1] for shape in shapes}:
            raise ValueError(
                f"agent {self.name!r}: expected ranks, rewards and facts of one shape (n, T); got "
                f"{sorted(shapes)} and {len(self.facts)} turns of facts"
            )

    @property
    def turns(self) -> int:
        """``T``."""
        return int(self.target_rank.shape[1])

    @classmethod
    def from_episodes(
        cls,
        episodes: Sequence[Episode],
        *,
        name: str,
        turns: int,
        ranks: str = "candidates",
        privileged: bool = False,
        spec: Mapping[str, Any] | None = None,
    ) -> AgentResult:
        """Read the result off finished episodes, in their order.

        Raises:
            DataError: when an episode has not all ``turns``: a mean over those that are still
                running at a turn would be over another set at each turn; or lacks a title.
        """
        for episode in episodes:
            if len(episode.steps) != turns:
                raise DataError(
                    f"episode {episode.scenario.id!r} has {len(episode.steps)} turns instead of "
                    f"{turns}; evaluation plays every turn, with success='never'"
                )
            if episode.scenario.goal.target not in episode.titles:
                raise DataError(
                    f"episode {episode.scenario.id!r} does not hold its target's title, without "
                    "which no leak can be seen; play it again"
                )
        grid = [episode.steps for episode in episodes]
        return cls(
            name=name,
            ranks=ranks,
            privileged=privileged,
            spec=dict(spec or {}),
            target_rank=_grid(grid, turns, np.int64, lambda step: step.target_rank or 0),
            candidate_rank=_grid(grid, turns, np.int64, lambda step: step.candidate_rank or 0),
            reward=_grid(grid, turns, np.float64, lambda step: step.reward),
            facts=tuple(_facts(episodes, turn) for turn in range(turns)),
        )


def _grid(steps: Sequence[Sequence[Step]], turns: int, dtype: Any, read: Any) -> Any:
    return np.array([[read(step) for step in row] for row in steps], dtype=dtype).reshape(-1, turns)


def _facts(episodes: Sequence[Episode], turn: int) -> TurnFacts:
    steps = [episode.steps[turn] for episode in episodes]
    issues = Counter(issue for step in steps for issue in step.turn.recommendation.issues)
    terms = dict.fromkeys(name for step in steps for name in step.reward_terms)
    leaks = Counter(
        find_leak(episode.steps[turn].turn.feedback, episode.titles[episode.scenario.goal.target])
        for episode in episodes
        if episode.steps[turn].turn.feedback
    )
    replies = leaks.total()
    return TurnFacts(
        reward_terms={
            name: float(np.mean([step.reward_terms[name] for step in steps])) for name in terms
        },
        answer_issues={code: count / len(steps) for code, count in sorted(issues.items())},
        title_leak_rate=leaks["title"] / replies if replies else None,
        one_word_leak_rate=leaks["one word"] / replies if replies else None,
    )


__all__ = ["AgentResult", "TurnFacts"]
