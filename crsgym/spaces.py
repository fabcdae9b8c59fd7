"""Spaces of text.

``gymnasium.spaces.Text`` is built for a fixed, small character set: with Unicode it takes minutes
to batch, and its default set rejects a space. These check types and lengths only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

from crsgym.actions import format_answer

if TYPE_CHECKING:
    from crsgym.world import World

MAX_TEXT = 1_000_000
"""Longest text, in characters, that an observation or an answer may hold."""


class UnicodeText(spaces.Space[str]):
    """Any text of up to ``max_length`` characters."""

    def __init__(self, max_length: int = MAX_TEXT, seed: int | None = None) -> None:
        """A space of texts; ``max_length`` in characters."""
        self.max_length = max_length
        super().__init__(seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        """False: a text has no array form of fixed size."""
        return False

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a text that is not too long."""
        return isinstance(x, str) and len(x) <= self.max_length

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> str:
        """A random short text of lower-case letters and spaces."""
        _refuse(mask, probability)
        length = int(self.np_random.integers(0, min(self.max_length, 40) + 1))
        letters = self.np_random.choice(list("abcdefghijklmnopqrstuvwxyz "), size=length)
        return "".join(letters.tolist())

    def __eq__(self, other: object) -> bool:
        """Equal type and length."""
        return type(self) is type(other) and vars(self)["max_length"] == vars(other)["max_length"]

    def __hash__(self) -> int:
        """By type and length."""
        return hash((type(self), self.max_length))

    def __repr__(self) -> str:
        """The class and its length."""
        return f"{type(self).__name__}({self.max_length})"


class Answer(UnicodeText):
    """The action space: any text. A sample is a well-formed answer with random titles."""

    def __init__(self, titles: Sequence[str], list_length: int, seed: int | None = None) -> None:
        """Answers over a catalogue.

        Args:
            titles: the titles that samples draw from.
            list_length: how many of them a sample lists.
            seed: of the samples.
        """
        self.titles = tuple(titles)
        self.list_length = list_length
        super().__init__(seed=seed)

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> str:
        """A random list in the protocol's form."""
        _refuse(mask, probability)
        drawn = self.np_random.choice(len(self.titles), size=self.list_length, replace=False)
        return format_answer([self.titles[i] for i in drawn])


class Titles(spaces.Space[tuple[str, ...]]):
    """A tuple of texts: exactly ``length`` of them, or any number when it is None."""

    def __init__(self, length: int | None = None, seed: int | None = None) -> None:
        """A space of tuples of titles."""
        self.length = length
        super().__init__(seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        """False: texts have no array form of fixed size."""
        return False

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is such a tuple."""
        return (
            isinstance(x, tuple)
            and (self.length is None or len(x) == self.length)
            and all(isinstance(title, str) for title in x)
        )

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> tuple[str, ...]:
        """Random numbered titles."""
        _refuse(mask, probability)
        length = int(self.np_random.integers(0, 6)) if self.length is None else self.length
        return tuple(f"Title {n}" for n in self.np_random.integers(0, 1000, size=length))

    def __eq__(self, other: object) -> bool:
        """Equal length."""
        return isinstance(other, Titles) and self.length == other.length

    def __hash__(self) -> int:
        """By length."""
        return hash((Titles, self.length))

    def __repr__(self) -> str:
        """The class and its length."""
        return f"Titles({'any' if self.length is None else self.length})"


class History(spaces.Space[tuple[dict[str, Any], ...]]):
    """The earlier turns: at most ``max_turns`` dicts of feedback, preference and list."""

    def __init__(self, max_turns: int, seed: int | None = None) -> None:
        """A space of histories."""
        self.max_turns = max_turns
        self.turn = spaces.Dict(
            {"feedback": UnicodeText(), "preference": UnicodeText(), "list": Titles()}
        )
        super().__init__(seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        """False: texts have no array form of fixed size."""
        return False

    def seed(self, seed: int | None = None) -> int:
        """Seed the samples."""
        self.turn.seed(seed)
        return int(super().seed(seed))

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a tuple of such dicts."""
        return (
            isinstance(x, tuple)
            and len(x) <= self.max_turns
            and all(self.turn.contains(turn) for turn in x)
        )

    def sample(
        self, mask: Any | None = None, probability: Any | None = None
    ) -> tuple[dict[str, Any], ...]:
        """A random number of random turns."""
        _refuse(mask, probability)
        length = int(self.np_random.integers(0, self.max_turns + 1))
        return tuple(self.turn.sample() for _ in range(length))

    def __eq__(self, other: object) -> bool:
        """Equal number of turns."""
        return isinstance(other, History) and self.max_turns == other.max_turns

    def __hash__(self) -> int:
        """By number of turns."""
        return hash((History, self.max_turns))

    def __repr__(self) -> str:
        """The class and its number of turns."""
        return f"History({self.max_turns})"


def observation_space(world: World) -> spaces.Dict:
    """The space of what :meth:`World.observe` returns, the last observation included."""
    return spaces.Dict(
        {
            "dialogue": UnicodeText(),
            "mentioned": Titles(),
            "history": History(world.max_turns),
            "feedback": UnicodeText(),
            "candidates": Titles(world.num_candidates),
            "candidate_ids": spaces.Box(
                0, len(world.catalogue) - 1, (world.num_candidates,), dtype=np.int64
            ),
            "turn": spaces.Discrete(world.max_turns + 1, start=1),
        }
    )


def action_space(world: World) -> Answer:
    """The space of answers."""
    return Answer(world.catalogue.titles, world.list_length)


def _refuse(mask: Any | None, probability: Any | None) -> None:
    if mask is not None or probability is not None:
        raise ValueError("spaces of text take no mask and no probability")


__all__ = [
    "MAX_TEXT",
    "Answer",
    "History",
    "Titles",
    "UnicodeText",
    "action_space",
    "observation_space",
]
