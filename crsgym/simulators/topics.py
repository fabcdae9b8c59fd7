"""What a rule-based user can talk about: attributes of items, and never a title."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from crsgym.data.kinds import KNOWN, sayable, wanted
from crsgym.data.titles import normalise, split_year, title_words
from crsgym.retrieval.polarity import split_polarity
from crsgym.types import Item

PEOPLE = frozenset({"director", "writer", "cast"})
KINDS = ("genre", "tone", "decade", "director", "cast", "writer")
"""Known kinds that a user speaks of, besides any that is not known; companies and languages stay
unsaid."""
_MOST_WORDS = 3
"""Longer genres are a knowledge base's own wording: "film based on a novel"."""
_IDENTIFIERS = 10
"""So many values, no two the same, are no topic but names of the items."""


Places: TypeAlias = dict[int, list[int]]
"""Topic to the places in a list, from 0, of the items that have it."""


class Topic(NamedTuple):
    """One thing to talk about. A person is one topic, whatever the person did."""

    kind: str
    """genre, tone, decade, person, or a kind that only the data set knows."""
    value: str
    """As the catalogue writes it, which is how it is said."""


class Topics:
    """The topics of a catalogue, and which items have them.

    Args:
        items: the catalogue.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        titles = Titles(items)
        unsaid = _identifying(items)
        numbers: dict[tuple[str, str], int] = {}
        self.topics: list[Topic] = []
        """By topic number."""
        self.of_item: list[Mapping[int, str]] = []
        """For every item, its topics with the kind of the attribute, in the item's own order."""
        for item in items:
            own: dict[int, str] = {}
            for kind, value in item.attributes:
                if kind in unsaid or not _spoken_of(kind, value):
                    continue
                group = "person" if kind in PEOPLE else kind
                key = (group, value.casefold())
                if key not in numbers and not titles.named_in(value):
                    numbers[key] = len(self.topics)
                    self.topics.append(Topic(group, value))
                if key in numbers:
                    own.setdefault(numbers[key], kind)
            self.of_item.append(own)

    @cached_property
    def single(self) -> frozenset[str]:
        """Kinds of which an item has one value only, so that nobody asks for two of them."""
        others = {topic.kind for topic in self.topics} - {*KINDS, "person"}
        for own in self.of_item:
            held = list(own.values())
            others -= {kind for kind in others if held.count(kind) > 1}
        return frozenset({"decade", *others})

    @cached_property
    def _of_item(self) -> list[frozenset[int]]:
        return [frozenset(own) for own in self.of_item]

    def places(self, items: Sequence[int], topics: Collection[int]) -> Places:
        """For those of the topics that some items have, the places, from 0, of these items."""
        asked, of_item = frozenset(topics), self._of_item
        found: Places = {}
        for place, item in enumerate(items):
            for topic in asked & of_item[item]:
                if topic in found:
                    found[topic].append(place)
                else:
                    found[topic] = [place]
        return found


def _identifying(items: Sequence[Item]) -> frozenset[str]:
    """Kinds that the library does not know and that tell every item apart, as an ISBN does."""
    held: dict[str, Counter[str]] = defaultdict(Counter)
    for item in items:
        for kind, value in item.attributes:
            if kind not in KNOWN:
                held[kind][value.casefold()] += 1
    return frozenset(
        kind
        for kind, values in held.items()
        if len(values) >= _IDENTIFIERS and max(values.values()) == 1
    )


def _spoken_of(kind: str, value: str) -> bool:
    """Whether a user speaks of an attribute."""
    if kind in KNOWN:
        return kind in KINDS and (kind != "genre" or value.count(" ") < _MOST_WORDS)
    # A wish that holds a word of refusal ("no sugar") would be read as one.
    return sayable(value) and not split_polarity(wanted(kind, [value]))[1]


class Titles:
    """The titles of a catalogue, to keep them out of what is said.

    Args:
        items: the catalogue.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        self._names: dict[int, tuple[str, ...]] = {}

    def of(self, item: int) -> tuple[str, ...]:
        """The names of an item, normalised, without year and between blanks."""
        if item not in self._names:
            written = (self._items[item].title, *self._items[item].aliases)
            bare = {normalise(split_year(name)[0]) for name in written}
            self._names[item] = tuple(sorted(f" {name} " for name in bare if name))
        return self._names[item]

    @cached_property
    def _long_names(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """The names of two words or more, by their first two words."""
        by_start: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        for item in range(len(self._items)):
            for name in self.of(item):
                first, *rest = name.split()
                if rest:
                    by_start[first, rest[0]][name] = None
        return {start: tuple(names) for start, names in by_start.items()}

    @cached_property
    def _starts(self) -> frozenset[str]:
        return frozenset(first for first, _ in self._long_names)

    def named_in(self, text: str) -> bool:
        """Whether a text holds any title of two words or more; one word may be just a word."""
        said = title_words(text)
        if self._starts.isdisjoint(said):
            return False
        names = self._long_names
        found = [name for start in pairwise(said) if start in names for name in names[start]]
        padded = f" {' '.join(said)} " if found else ""
        return any(name in padded for name in found)


__all__ = ["KINDS", "PEOPLE", "Places", "Titles", "Topic", "Topics"]
