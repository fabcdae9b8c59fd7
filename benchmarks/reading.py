"""Lessons in reading for a small language model: what a large one brings, and nothing of a task.

A model from scratch writes what it has seen most and looks at nothing. These conversations teach it
to look: which of some names stand in an earlier text, how an item goes on that some of its
attributes begin, what the lines before said. Their texts are dialogues of the train split and lines
of the catalogue; no target, no acceptance, and no prompt of a user is among them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset
from crsgym.data.titles import split_year
from crsgym.prompts import described, dialogue_text
from crsgym.protocols import Message
from crsgym.simulators.reader import KINDS
from crsgym.types import Item

_NONE = "(none)"
_COMMON = 0.35
"""Share of names that are of a kind with few values, which dialogues speak of most."""
_ATTRIBUTES = 0.4
"""Share of any attribute; the others are titles."""


class Lessons:
    """Draws lessons from a data set.

    Args:
        dataset: its catalogue and dialogues.
        limit: only the first so many train scenarios.
        seed: draws everything.
    """

    def __init__(self, dataset: Dataset, *, limit: int, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._catalogue: Catalogue = dataset.catalogue
        self._dialogues = [
            dialogue_text(scenario.dialogue).split("\n")
            for scenario in dataset.scenarios("train")[:limit]
        ]
        values = {
            kind: sorted({v for item in dataset.catalogue for v in item.values(kind)})
            for kind in KINDS
        }
        self._titles = list(dict.fromkeys(_name(item) for item in dataset.catalogue))
        self._common = [v for k in ("genre", "tone", "decade") for v in values[k]]
        self._values = sorted({v for kind in KINDS for v in values[kind]})

    def draw(self, count: int) -> list[list[Message]]:
        """So many conversations of a question and its answer."""
        lessons = [self._shared] * 3 + [self._said] * 2 + [self._found] * 2
        lessons += [self._items_again, self._lines_again]
        drawn = []
        for _ in range(count):
            asked, answer = lessons[self._rng.integers(len(lessons))]()
            drawn.append(
                [
                    Message(role="user", content=asked),
                    Message(role="assistant", content=answer),
                ]
            )
        return drawn

    def _shared(self) -> tuple[str, str]:
        """Two lists of names: which of the second stand in the first."""
        first = self._names(int(self._rng.integers(2, 12)))
        second = [
            first[self._rng.integers(len(first))] if self._rng.random() < 0.5 else name
            for name in self._names(int(self._rng.integers(2, 8)))
        ]
        both = [name for name in dict.fromkeys(second) if name in first]
        asked = f"{', '.join(first)}\n\n{', '.join(dict.fromkeys(second))}"
        return asked, ", ".join(both) or _NONE

    def _said(self) -> tuple[str, str]:
        """A dialogue: four items, and for each the names in its line that the dialogue holds."""
        text = "\n".join(self._last_lines(9))
        low = text.lower()
        answer = []
        for _ in range(4):
            items = self._items(8)
            item = items[0]
            if self._rng.random() < 0.5:
                item = max(items, key=lambda item: sum(v.lower() in low for v in _values(item)))
            said = [name for name in _cells(item) if _holds(text, name)]
            answer.append(f"- {described(item)}\n= {', '.join(said) or _NONE}")
        return text, "\n".join(answer)

    def _found(self) -> tuple[str, str]:
        """Some attributes of an item: its line."""
        item = self._items(1)[0]
        values = [values for kind in KINDS for values in item.values(kind)[:3]] or [_name(item)]
        count = min(len(values), int(self._rng.integers(2, 5)))
        return ", ".join(self._picked(values, count)), f"- {described(item)}"

    def _items_again(self) -> tuple[str, str]:
        """Lines of items: the same in another order."""
        lines = [f"- {described(item)}" for item in self._items(int(self._rng.integers(2, 5)))]
        return "\n".join(lines), "\n".join(self._picked(lines, len(lines)))

    def _lines_again(self) -> tuple[str, str]:
        """A dialogue: its last lines."""
        lines = self._last_lines(12)
        return "\n".join(lines), "\n".join(lines[-self._rng.integers(1, 5) :])

    def _last_lines(self, below: int) -> list[str]:
        dialogue = self._dialogues[self._rng.integers(len(self._dialogues))]
        return dialogue[-self._rng.integers(2, below) :]

    def _names(self, count: int) -> list[str]:
        names = []
        for chance in self._rng.random(count):
            pool = self._titles
            if chance < _COMMON:
                pool = self._common
            elif chance < _COMMON + _ATTRIBUTES:
                pool = self._values
            names.append(pool[self._rng.integers(len(pool))])
        return list(dict.fromkeys(names))

    def _items(self, count: int) -> list[Item]:
        rows = self._rng.choice(len(self._catalogue), size=count, replace=False)
        return [self._catalogue[int(row)] for row in rows]

    def _picked(self, of: Sequence[str], count: int) -> list[str]:
        return [of[at] for at in self._rng.permutation(len(of))[:count]]


def _name(item: Item) -> str:
    return split_year(item.title)[0]


def _values(item: Item) -> list[str]:
    return [value for kind in KINDS for value in item.values(kind)]


def _cells(item: Item) -> list[str]:
    """The title and the attributes in an item's line, in its order."""
    facts = described(item).removeprefix(item.title).strip(" []")
    return list(dict.fromkeys([_name(item), *filter(None, re.split("[;,] ", facts))]))


def _holds(text: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE) is not None


__all__ = ["Lessons"]
