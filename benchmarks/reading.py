"""Lessons in reading for a small language model: what a large one brings, and nothing of a task.

A model from scratch writes what it has seen most and looks at nothing. These conversations teach it
to look: which of some names stand in an earlier text, how an item goes on that some of its
attributes begin, and what a page says, laid out as prompts of users are. Their texts are dialogues
of the train split and lines of the catalogue, drawn at random: neither the target nor an answer of
a task is among them, nor what a user is asked to do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset
from crsgym.data.titles import split_year
from crsgym.prompts import described, user_messages
from crsgym.protocols import Message
from crsgym.simulators.reader import KINDS
from crsgym.types import Context, Item

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
        self._scenarios = dataset.scenarios("train")[:limit]
        values = {
            kind: sorted({v for item in dataset.catalogue for v in item.values(kind)})
            for kind in KINDS
        }
        self._titles = list(dict.fromkeys(_name(item) for item in dataset.catalogue))
        self._common = [v for k in ("genre", "tone", "decade") for v in values[k]]
        self._values = sorted({v for kind in KINDS for v in values[kind]})

    def draw(self, count: int) -> list[list[Message]]:
        """So many conversations of a question and its answer."""
        lessons = [self._page] * 3 + [self._said] * 3 + [self._shared] * 2 + [self._found]
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

    def _page(self) -> tuple[str, str]:
        """Nothing: a conversation, the items that it mentions, and a list of any others."""
        return "...", self._laid_out(self._items(int(self._rng.integers(1, 5))))

    def _said(self) -> tuple[str, str]:
        """Such a page: the names in each line of the list that the conversation holds."""
        items = self._items(int(self._rng.integers(1, 7)))
        page = self._laid_out(items)
        before = page.split("## Mentioned")[0]
        answer = []
        for item in items:
            said = [name for name in _cells(item) if _holds(before, name)]
            answer.append(f"- {item.title} [{', '.join(said) or _NONE}]")
        return page, "\n".join(answer)

    def _laid_out(self, listed: Sequence[Item]) -> str:
        scenario = self._scenarios[self._rng.integers(len(self._scenarios))]
        mentioned = [self._catalogue[item] for item in Context(scenario.dialogue).mentioned]
        messages = user_messages("feedback", scenario.dialogue, mentioned, listed=listed)
        return messages[-1]["content"]

    def _found(self) -> tuple[str, str]:
        """Some attributes of an item: its line."""
        item = self._items(1)[0]
        values = [v for kind in KINDS for v in item.values(kind)[:3]] or [_name(item)]
        count = min(len(values), int(self._rng.integers(2, 5)))
        return ", ".join(self._picked(values, count)), f"- {described(item)}"

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


def _cells(item: Item) -> list[str]:
    """The title and the attributes in an item's line, in its order."""
    facts = described(item).removeprefix(item.title).strip(" []")
    return list(dict.fromkeys([_name(item), *filter(None, re.split("[;,] ", facts))]))


def _holds(text: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE) is not None


__all__ = ["Lessons"]
